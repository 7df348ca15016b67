import ArgumentParser

/// The log that replay and restart are measured with, to look at or to profile with.
struct MakeLog: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make-log",
        abstract: "Make a data directory with a log of made-up deliveries."
    )

    @Option(help: "Records on the log.")
    var records = 1_000_000

    @Option(help: "Days that they are spread over (one for every 8000).")
    var days: Int?

    @Argument(help: "The data directory, which must not have a log yet.")
    var directory: String

    func run() async throws {
        let data = DataSet(directory: directory, recordCount: records, dayCount: days)
        try data.requireRoom()
        try await data.make()
    }
}
