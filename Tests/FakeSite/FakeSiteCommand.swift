import ArgumentParser
import FakeCircleCI
import Foundation
import Wire

/// A made-up CircleCI as a program of its own, for tests that are not written in Swift.
///
/// It prints a JSON object with its URL and its organizations on a line, then takes a command from each line of
/// standard input and answers with a JSON object on a line, until `quit` or the end of the input.
@main
struct FakeSiteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fake-circleci",
        abstract: "A made-up CircleCI that is led by commands on standard input.",
        discussion: """
            add-key KEY ORGANIZATION             let an admin's key in
            revoke KEY                           as if somebody had deleted it
            deliver COUNT [DROP-RATE]            post the next so many webhooks that somebody registered
            deliver-through INSTANT [DROP-RATE]  post all that are due by then; `now` for the present
            truth                                what ran, as of the site's time
            quit                                 end, as the end of the input does
            """
    )

    @Argument(help: "The same seed makes the same organizations, and on the same day the same history.")
    var seed: UInt64

    @Option(help: "Days of the past.")
    var days: Int = 4

    @Option(name: .customLong("days-before"), help: "So many of them are over when the site starts.")
    var daysBefore: Int = 2

    @Option(name: .customLong("pipelines-per-day"), help: "Of each organization, about ten deliveries each.")
    var pipelinesPerDay: Int = 30

    func validate() throws {
        guard (1...365).contains(days) else { throw ValidationError("--days must be from 1 to 365") }
        guard (0...days).contains(daysBefore) else { throw ValidationError("--days-before must be from 0 to --days") }
        guard (1...10_000).contains(pipelinesPerDay) else {
            throw ValidationError("--pipelines-per-day must be from 1 to 10000")
        }
    }

    func run() async throws {
        var options = FakeSiteOptions(seed: seed)
        options.exportLooks = 1
        let site = FakeSite(history: history, options: options)
        let firstMidnight = Int64(history.options.firstDay.daysSinceEpoch) * 86_400_000_000
        site.skipDeliveries(through: Timestamp(microseconds: firstMidnight + Int64(daysBefore) * 86_400_000_000))
        let url = try await site.start()
        let leader = SiteLeader(site: site)
        Self.print(leader.description(url: url))
        for await line in Self.lines() {
            let words = line.split(separator: " ").map(String.init)
            if words.isEmpty { continue }
            if words == ["quit"] { break }
            Self.print(await leader.answer(to: words))
        }
        try await site.stop()
    }

    /// What ran in the past days, and runs today and tomorrow.
    private var history: FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - Int32(days))
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.organizationCount = 2
        options.projectCount = 4
        options.projectKinds = [.github, .githubApp, .gitlab]
        options.dayCount = days + 2
        options.pipelinesPerDay = pipelinesPerDay
        options.weekendShare = 1
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    /// The lines of standard input, read on a thread of their own since reading waits.
    private static func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
        return stream
    }

    private static func print(_ answer: any Encodable) {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and numbers can always be encoded.
        guard let bytes = try? encoder.encode(answer) else { preconditionFailure("An answer cannot be encoded") }
        FileHandle.standardOutput.write(bytes + Data("\n".utf8))
    }
}
