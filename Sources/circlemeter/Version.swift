import ArgumentParser
import Usage
import Wire

enum Version {
    static let text = "0.1.0"
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show the versions of the program, the log format and the reducer."
    )

    @Flag(help: "As JSON.")
    var json = false

    func run() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("circlemeter", Version.text)
            writer.member("log_format", 1)
            writer.member("snapshot_format", Snapshot.format)
            writer.member("reducer", Reducer.version)
        }
        if json {
            Console.output(writer.bytes + [UInt8(ascii: "\n")])
        } else {
            Console.output("circlemeter \(Version.text) (log format 1, reducer \(Reducer.version))")
        }
    }
}
