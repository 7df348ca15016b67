public import ArgumentParser
import Meter
import Usage
public import Wire

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Print the published snapshot in its canonical form, one JSON object."
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Only this connection.")
    var connection: String?

    @Option(help: "From this day on, YYYY-MM-DD.")
    var from: Day?

    @Option(help: "Through this day, YYYY-MM-DD.")
    var to: Day?

    @Flag(name: .customLong("no-position"), help: "Leave out log and connections, to compare two logs.")
    var withoutPosition = false

    func run() async throws {
        let directory = try data.existingDirectory()
        let (connection, from, to, withoutPosition) = (connection, from, to, withoutPosition)
        let bytes = try await onOwnThread("circlemeter.snapshot") {
            try Replay(directory).published(connection: connection, from: from, to: to)?
                .canonicalBytes(includesPosition: !withoutPosition)
        }
        guard let bytes else {
            throw CommandFailure.found(
                "there is no snapshot in \(directory.path) that this program can read",
                hint: "make it from the log: circlemeter replay --data-dir \(directory.path)"
            )
        }
        Console.output(bytes + [UInt8(ascii: "\n")])
    }
}

extension Day: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }
}
