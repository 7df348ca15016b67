import CircleCI
import EventLog
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// `rate-card.json` and the log keep up with each other, and nothing that people write into the file breaks anything.
struct RateCardTests {
    private struct Refusal: Error {}

    /// A keeper on a directory of its own, with a log in memory.
    private final class World: Sendable {
        let log = MemoryLog()
        let now = Mutex(Timestamp("2026-11-02T08:00:00Z")!)
        let isLogWilling = Mutex(true)
        private let directory = TemporaryDirectory()

        var path: String { directory.path("rate-card.json") }

        func keeper() -> RateCardKeeper {
            RateCardKeeper(
                RateCardFile(path: path),
                RateCardKeeper.Surroundings(
                    logged: { self.log.rateCard() },
                    append: { entry in
                        guard self.isLogWilling.withLock({ $0 }) else { throw Refusal() }
                        try self.log.append([entry])
                    },
                    now: { self.now.withLock { $0 } },
                    sleep: { _ in try Task.checkCancellation() },
                    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                )
            )
        }

        func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
        func write(_ card: RateCard) throws {
            try write(String(decoding: RateCardScanner.text(of: card), as: UTF8.self))
        }
        func content() throws -> String { String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self) }
    }

    private static var dearer: RateCard {
        var card = RateCard.published
        card.periods[0].thousandthsPerMinute["docker"]?["medium"] = 11_500
        card.contract = Contract(
            currency: "USD",
            periods: [Contract.Period(from: Day("2026-01-01")!, to: nil, billionthsPerCredit: 600_000)]
        )
        return card
    }

    @Test func `the first start writes the built-in card for its owner alone, and the log stays as it is`() async throws
    {
        let world = World()
        try await world.keeper().look()
        #expect(try RateCardFile(path: world.path).card() == .published)
        #expect(try world.content().contains("\n  \"source\": \"\(RateCard.published.source)\",\n"))
        let mode = try FileManager.default.attributesOfItem(atPath: world.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        try await world.keeper().look()
        #expect(world.log.entries.isEmpty)
    }

    @Test func `an edited card goes onto the log once, and counts`() async throws {
        let world = World()
        let keeper = world.keeper()
        try await keeper.look()
        try world.write(RateCardTests.dearer)
        try await keeper.look()
        try await keeper.look()
        // After a restart, too.
        try await world.keeper().look()
        #expect(world.log.entries.map(\.source) == [.meter])
        #expect(world.log.snapshot.rateCard == RateCardTests.dearer)
        try world.write(.published)
        try await keeper.look()
        #expect(world.log.entries.count == 2)
        #expect(world.log.snapshot.rateCard == .published)
        // Only white space changed.
        try world.write("\n" + world.content())
        try await keeper.look()
        #expect(world.log.entries.count == 2)
    }

    @Test func `of cards within a millisecond, and with a clock that goes back, the last one written counts`()
        async throws
    {
        let world = World()
        let keeper = world.keeper()
        for round in 0..<4 {
            var card = RateCardTests.dearer
            card.source = "card \(9 - round)"
            try world.write(card)
            try await keeper.look()
            #expect(world.log.snapshot.rateCard == card)
            if round == 1 { world.now.withLock { $0 = Timestamp("2025-01-01T00:00:00Z")! } }
        }
        #expect(world.log.entries.count == 4)
    }

    @Test(arguments: [
        ("{", "no JSON"), ("[]", "no object"), ("", "no JSON"),
        ("{\"source\":\"x\",\"published\":\"2026-01-32\"", "no JSON"),
    ])
    func `a bad file changes nothing and is named until it is mended`(_ text: String, _ problem: String) async throws {
        let world = World()
        let keeper = world.keeper()
        try world.write(RateCardTests.dearer)
        try await keeper.look()
        try world.write(text)
        try await keeper.look()
        #expect(try #require(await keeper.problem).description.contains(problem))
        #expect(world.log.entries.count == 1 && world.log.snapshot.rateCard == RateCardTests.dearer)
        #expect(try world.content() == text)
        // A service that starts with it goes on with the last good card.
        let restarted = world.keeper()
        try await restarted.look()
        #expect(await restarted.problem != nil)
        #expect(world.log.entries.count == 1)
        try world.write(RateCardTests.dearer)
        try await keeper.look()
        #expect(await keeper.problem == nil)
        #expect(world.log.entries.count == 1)
    }

    @Test(arguments: ["9000000000000000", "1000000.001", "-1"])
    func `a rate that no sum could hold is refused`(_ rate: String) throws {
        let text = """
            {"source":"x","published":"2026-01-01","default":{"executor":"docker","resource_class":"medium"},
             "periods":[{"from":"2026-01-01","credits_per_minute":{"docker":{"medium":"\(rate)"}}}]}
            """
        let error = #expect(throws: RateCardError.self) { try RateCardScanner.card(in: Array(text.utf8)) }
        #expect(error?.path == "periods[0].credits_per_minute.docker.medium")
    }

    @Test func `a slip is named with its place inside the file`() async throws {
        let world = World()
        let keeper = world.keeper()
        try await keeper.look()
        try world.write(world.content().replacing("\"medium\": \"40\"", with: "\"medium\": \"40,5\""))
        try await keeper.look()
        let problem = try #require(await keeper.problem).description
        #expect(problem.contains("periods[0].credits_per_minute.windows.medium"))
        #expect(problem.contains(world.path) && problem.contains("circlemeter rates --help"))
    }

    @Test func `a file that is gone is made again with the card in force`() async throws {
        let world = World()
        let keeper = world.keeper()
        try world.write(RateCardTests.dearer)
        try await keeper.look()
        try FileManager.default.removeItem(atPath: world.path)
        try await keeper.look()
        #expect(try RateCardFile(path: world.path).card() == RateCardTests.dearer)
        #expect(world.log.entries.count == 1)
    }

    @Test func `what the log refused is tried again`() async throws {
        let world = World()
        let keeper = world.keeper()
        try world.write(RateCardTests.dearer)
        world.isLogWilling.withLock { $0 = false }
        try await keeper.look()
        #expect(world.log.entries.isEmpty)
        world.isLogWilling.withLock { $0 = true }
        try await keeper.look()
        #expect(world.log.snapshot.rateCard == RateCardTests.dearer)
    }

    @Test func `a service starts with a bad card, and its overview says so`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path("data"))
        try data.make()
        try Data("{\"sauce\":1}".utf8).write(to: URL(filePath: data.rateCard))
        var settings = MeterSettings(directory: data)
        settings.reconcileEvery = nil
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let parts = try await MeterService.open(settings, environment: [:], logger: logger).parts
        let projector = Task { try await parts.projector.run() }
        try await parts.rateCard.look()
        #expect(try #require(await parts.rateCard.problem).description.contains("sauce: unknown"))
        #expect(parts.log.durableEnd.sequence == 0)
        try Data(RateCardScanner.text(of: RateCardTests.dearer)).write(to: URL(filePath: data.rateCard))
        try await parts.rateCard.look()
        #expect(await parts.rateCard.problem == nil)
        #expect(parts.log.durableEnd.sequence == 1)
        try await PublishedKnowledge(
            published: parts.projector.published,
            durableSequence: { 1 }
        ).catchUp()
        #expect(try await parts.projector.published.snapshot().rateCard == RateCardTests.dearer)
        projector.cancel()
        _ = await projector.result
        await parts.circleci.close()
        await parts.log.close()
    }

    @Test func `rates check and rates show say what is good, what is not and where`() async throws {
        let directory = TemporaryDirectory()
        let data = directory.path("data")
        let demo = try await ChildProcess.run([
            "demo", "--exit-when-sent", "--days", "1", "--pipelines-per-day", "3", "--rate", "1000", "--data-dir", data,
            "--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
        ])
        #expect(demo.status == 0, "\(demo.output)")
        let checked = try await ChildProcess.run(["rates", "check", "--data-dir", data])
        #expect(checked.status == 0 && checked.output.contains("good; 33 rates in 1 periods, no contract"))
        let shown = try await ChildProcess.run(["rates", "show", "--data-dir", data])
        #expect(
            shown.status == 0 && shown.output.contains("rate card in force, built in: read on 2025-01-01 at https://")
        )
        #expect(shown.output.contains("no contract: nothing is shown in money"))
        let file = DataDirectory(data).rateCard
        try Data("{\"source\":\"x\"}".utf8).write(to: URL(filePath: file))
        let bad = try await ChildProcess.run(["rates", "check", file])
        #expect(bad.status == 1 && bad.output.contains("default: missing"))
        let showing = try await ChildProcess.run(["rates", "show", "--json", "--data-dir", data])
        #expect(showing.status == 1 && showing.output.contains("\"file_problem\":\"unreadable_file: "))
        #expect(showing.output.contains("\"changed_at\":null,\"unrated\":[]"))
        let missing = try await ChildProcess.run(["rates", "check", directory.path("nothing.json")])
        #expect(missing.status == 1 && missing.output.contains("there is no file"))
        #expect(try await ChildProcess.run(["rates", "check"]).status == 2)
    }
}
