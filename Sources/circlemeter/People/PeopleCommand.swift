import ArgumentParser
import Meter
import Usage

struct PeopleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "people",
        abstract: "Who is one person, how persons are called, and erasing them.",
        subcommands: [PeopleErase.self, PeopleCheck.self]
    )
}

struct PeopleCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read people.json in the data directory and say what it means. Exit 1 where it has a mistake."
    )

    @OptionGroup var data: DataOptions

    func run() async throws {
        let directory = try data.existingDirectory()
        let file = try await onOwnThread("circlemeter.people") { try PeopleFile.read(directory) }
        Console.output(
            "mode \(file.mode.rawValue), \(file.aliases.count) aliases of "
                + "\(file.aliases.reduce(0) { $0 + $1.identities.count }) identities, \(file.bots.count) programs, "
                + "\(file.notBots.count) that are none"
        )
    }
}
