import ArgumentParser

@main
struct CirclemeterBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "circlemeter-bench",
        abstract: "Measures circlemeter side by side with what it can be held against.",
        subcommands: [
            Measure.self, Counts.self, Compare.self, Growth.self, Calls.self, MakeLog.self, BareServer.self, Loop.self,
            ResourcesCommand.self,
        ],
        defaultSubcommand: Measure.self
    )
}

/// What keeps a measurement from being taken, or makes it worthless.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
