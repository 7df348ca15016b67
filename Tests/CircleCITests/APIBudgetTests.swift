import FakeCircleCI
import NIOHTTP1
import Synchronization
import TestSupport
import Testing
import Wire

@testable import CircleCI

// A call that never leaves would hold the run up for ever.
@Suite(.timeLimit(.minutes(1)))
struct APIBudgetTests {
    static let ok: (status: Int, headers: HTTPHeaders) = (200, [:])

    /// A budget that knows that the key is answered.
    static func warm(
        _ options: APIBudget.Options,
        clock: APIClock = .system,
        observe: @escaping @Sendable (APIObservation) -> Void = { _ in }
    ) async throws -> APIBudget {
        let budget = APIBudget(options: options, clock: clock, random: SeededGenerator(seed: 1), observe: observe)
        let call = try await budget.begin("/warm", .normal)
        budget.end(call, answer: ok)
        return budget
    }

    static func code(_ body: () async throws -> Void) async -> CircleCIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? CircleCIError)?.code
        }
    }

    /// How many run now, and how many did at most.
    final class Gauge: Sendable {
        private let state = Mutex((now: 0, most: 0))
        var most: Int { state.withLock { $0.most } }
        func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
        func leave() { state.withLock { $0.now -= 1 } }
    }

    @Test("No more calls run than may, and no place is lost, whoever is cancelled and whatever is answered")
    func neverLosesAPlace() async throws {
        for round in 0..<12 {
            let seed = TestSeed.of(round: UInt64(round))
            var random = SeededGenerator(seed: seed)
            let concurrency = Int.random(in: 1...5, using: &random)
            let clock = APITestClock(isAutomatic: true)
            let budget = try await Self.warm(
                APIBudget.Options(
                    concurrency: concurrency,
                    callsPerSecond: [nil, 20].randomElement(using: &random)!,
                    longestWait: .seconds(86_400)
                ),
                clock: clock.clock
            )
            let normals = Gauge()
            let probes = Gauge()
            var tasks: [Task<Void, Never>] = []
            for _ in 0..<150 {
                let isProbe = Int.random(in: 0..<10, using: &random) == 0
                let status = [200, 200, 200, 404, 429, nil].randomElement(using: &random)!
                let yields = Int.random(in: 0..<6, using: &random)
                tasks.append(
                    Task {
                        guard let call = try? await budget.begin("/x", isProbe ? .probe : .normal) else { return }
                        let gauge = isProbe ? probes : normals
                        gauge.enter()
                        for _ in 0..<yields { await Task.yield() }
                        gauge.leave()
                        budget.end(call, answer: status.map { ($0, [:]) })
                    }
                )
                if Int.random(in: 0..<3, using: &random) == 0 { tasks.randomElement(using: &random)?.cancel() }
                if Int.random(in: 0..<4, using: &random) == 0 { await Task.yield() }
            }
            for task in tasks { await task.value }
            #expect(normals.most <= concurrency, "seed \(seed)")
            #expect(probes.most <= 1, "seed \(seed)")
            // All places are free again: so many calls can be under way at once.
            var calls: [APIBudget.Call] = []
            for _ in 0..<concurrency { calls.append(try await budget.begin("/x", .normal)) }
            calls.append(try await budget.begin("/x", .probe))
            for call in calls { budget.end(call, answer: Self.ok) }
        }
    }

    @Test("Until the first answer one call leaves, then as many as may")
    func coldStart() async throws {
        let waits = Mutex<[APIObservation]>([])
        let budget = APIBudget(options: APIBudget.Options(concurrency: 2)) { observation in
            if case .waited = observation { waits.withLock { $0.append(observation) } }
        }
        let first = try await budget.begin("/x", .normal)
        let second = Task { try await budget.begin("/x", .normal) }
        // A probe never waits for others.
        budget.end(try await budget.begin("/me", .probe), answer: nil)
        #expect(waits.withLock { $0.isEmpty })
        budget.end(first, answer: Self.ok)
        let third = try await budget.begin("/x", .normal)
        budget.end(try await second.value, answer: Self.ok)
        budget.end(third, answer: Self.ok)
        #expect(budget.statistics.calls == 4)
    }

    @Test("A probe leaves beside calls that hang, and ahead of those that wait")
    func probeFirst() async throws {
        let budget = try await Self.warm(APIBudget.Options(concurrency: 1))
        let hanging = try await budget.begin("/x", .normal)
        let waiting = Task { try await budget.begin("/x", .normal) }
        budget.end(try await budget.begin("/me", .probe), answer: Self.ok)
        budget.end(hanging, answer: Self.ok)
        budget.end(try await waiting.value, answer: Self.ok)
    }

    @Test("Where only the reserve is left, normal calls wait for the window's end and a probe does not")
    func reserve() async throws {
        let clock = APITestClock(isAutomatic: false)
        let budget = try await Self.warm(APIBudget.Options(), clock: clock.clock)
        let headers: HTTPHeaders = ["RateLimit-Limit": "100", "RateLimit-Remaining": "5", "RateLimit-Reset": "30"]
        budget.end(try await budget.begin("/x", .normal), answer: (200, headers))
        let until = try #require(budget.statistics.limitedUntil)
        #expect(until == Timestamp(microseconds: APITestClock.start.microseconds + 31_000_000))
        let waiting = Task { try await budget.begin("/x", .normal) }
        #expect(await clock.sleepBegins.first { _ in true } == .seconds(31))
        budget.end(try await budget.begin("/me", .probe), answer: nil)
        clock.advance(by: .seconds(31))
        budget.end(try await waiting.value, answer: Self.ok)
        #expect(!budget.statistics.isLimited)
        #expect(budget.statistics.waits == 1)
    }

    @Test("An answer that allows more lets those go that wait, before their time")
    func newNumbers() async throws {
        let clock = APITestClock(isAutomatic: false)
        let budget = try await Self.warm(APIBudget.Options(), clock: clock.clock)
        let older = try await budget.begin("/x", .normal)
        budget.end(
            try await budget.begin("/x", .normal),
            answer: (200, ["RateLimit-Limit": "4", "RateLimit-Remaining": "0", "RateLimit-Reset": "200"])
        )
        let waiting = Task { try await budget.begin("/x", .normal) }
        _ = await clock.sleepBegins.first { _ in true }
        // Of two answers the one whose call left later counts.
        budget.end(older, answer: (200, ["RateLimit-Limit": "4", "RateLimit-Remaining": "4", "RateLimit-Reset": "9"]))
        #expect(budget.statistics.isLimited)
        clock.advance(by: .seconds(201))
        let first = try await waiting.value
        let second = try await budget.begin("/x", .normal)
        // The next window's four, less the reserve and the one that may count there.
        let third = Task { try await budget.begin("/x", .normal) }
        _ = await clock.sleepBegins.first { _ in true }
        budget.end(first, answer: (200, ["RateLimit-Limit": "100", "RateLimit-Remaining": "90"]))
        budget.end(try await third.value, answer: Self.ok)
        budget.end(second, answer: Self.ok)
        #expect(clock.elapsed == .seconds(201))
    }

    @Test("After a 429 nobody leaves, probes neither: for as long as it asks, else for a backoff that grows")
    func refusals() async throws {
        let clock = APITestClock(isAutomatic: true)
        let observations = Mutex<[APIObservation]>([])
        let budget = try await Self.warm(
            APIBudget.Options(longestRetryAfter: .seconds(50)),
            clock: clock.clock,
            observe: { observation in observations.withLock { $0.append(observation) } }
        )
        func refuse(_ headers: HTTPHeaders, _ priority: APIBudget.Priority) async throws -> Duration {
            budget.end(try await budget.begin("/x", .normal), answer: (429, headers))
            #expect(budget.statistics.isLimited)
            let before = clock.elapsed
            let call = try await budget.begin("/x", priority)
            budget.end(call, answer: nil)
            return clock.elapsed - before
        }
        for failures in 1...9 {
            let bound = min(.seconds(60), .milliseconds(500) * (1 << (failures - 1)))
            let waited = try await refuse([:], failures.isMultiple(of: 2) ? .probe : .normal)
            #expect(waited >= bound / 2 && waited <= bound, "after \(failures)")
        }
        budget.end(try await budget.begin("/x", .normal), answer: Self.ok)
        #expect(try await refuse(["Retry-After": "7"], .probe) == .seconds(7))
        budget.end(try await budget.begin("/x", .normal), answer: Self.ok)
        #expect(try await refuse(["Retry-After": "7000"], .normal) == .seconds(50))
        #expect(budget.statistics.refusals == 11)
        let waits = observations.withLock { $0 }.filter { if case .waited(.refusal, _) = $0 { true } else { false } }
        #expect(waits.count == 11)
    }

    @Test("The clock is wrong by no more than what an answer's Date leaves open: a second, and the time of the call")
    func clockReadings() async throws {
        let clock = APITestClock(isAutomatic: false)
        let observations = Mutex<[APIObservation]>([])
        let budget = try await Self.warm(
            APIBudget.Options(),
            clock: clock.clock,
            observe: { observation in observations.withLock { $0.append(observation) } }
        )
        // The clock here says 08:00:00 when the first call begins, and each takes two seconds.
        let date = "Sun, 22 Nov 2026 08:00:02 GMT"
        for headers: HTTPHeaders in [
            ["Date": date], ["Date": date], ["Date": date], ["Date": date], ["Date": date, "Age": "0"],
            ["Date": "2026"],
            [:],
        ] {
            let call = try await budget.begin("/x", .normal)
            clock.advance(by: .seconds(2))
            budget.end(call, answer: (200, headers))
        }
        budget.end(try await budget.begin("/x", .normal), answer: (200, ["Date": "Sun, 22 Nov 2026 09:00:00 GMT"]))
        let readings = observations.withLock { $0 }
            .compactMap { if case .clock(let ahead) = $0 { ahead } else { nil } }
        #expect(readings == [.zero, .zero, .seconds(1), .seconds(3), .seconds(-3586)])
    }

    @Test("A call that would wait too long fails at once and says for how long, and those that wait already with it")
    func longestWait() async throws {
        let observations = Mutex<[APIObservation]>([])
        let clock = APITestClock(isAutomatic: false)
        let budget = try await Self.warm(
            APIBudget.Options(concurrency: 1, longestWait: .seconds(100)),
            clock: clock.clock,
            observe: { observation in observations.withLock { $0.append(observation) } }
        )
        let running = try await budget.begin("/x", .normal)
        let waiting = Task { await Self.code { _ = try await budget.begin("/waiting", .normal) } }
        while budget.waiting == 0, !Task.isCancelled { await Task.yield() }
        budget.end(running, answer: (429, ["Retry-After": "101"]))
        #expect(await waiting.value == .rateLimited)
        do {
            _ = try await budget.begin("/me", .probe)
            Issue.record("a call left")
        } catch {
            #expect(error.code == .rateLimited && error.status == nil)
            #expect(error.hint?.contains("102 s") == true)
        }
        let refused = observations.withLock { $0 }.filter { if case .refused = $0 { true } else { false } }
        #expect(
            Set(refused) == [
                .refused(endpoint: "/waiting", reason: .refusal), .refused(endpoint: "/me", reason: .refusal),
            ]
        )
        clock.advance(by: .seconds(101))
        budget.end(try await budget.begin("/x", .normal), answer: Self.ok)
    }

    @Test("Who is cancelled while waiting leaves the line, and the next one's turn comes")
    func cancellation() async throws {
        let budget = try await Self.warm(APIBudget.Options(concurrency: 1))
        let running = try await budget.begin("/x", .normal)
        let cancelled = Task { await Self.code { _ = try await budget.begin("/x", .normal) } }
        while budget.waiting < 1, !Task.isCancelled { await Task.yield() }
        let next = Task { try await budget.begin("/x", .normal) }
        while budget.waiting < 2, !Task.isCancelled { await Task.yield() }
        cancelled.cancel()
        #expect(await cancelled.value == .cancelled)
        let cancelledBefore = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await Self.code { _ = try await budget.begin("/x", .normal) }
        }
        #expect(await cancelledBefore.value == .cancelled)
        budget.end(running, answer: Self.ok)
        budget.end(try await next.value, answer: Self.ok)
    }

    @Test("The own ceiling holds over any stretch of time, a second's calls at once at most")
    func ceiling() async throws {
        let clock = APITestClock(isAutomatic: true)
        let budget = try await Self.warm(APIBudget.Options(callsPerSecond: 10), clock: clock.clock)
        for count in 2...100 {
            budget.end(try await budget.begin("/x", .normal), answer: Self.ok)
            #expect(clock.elapsed >= .milliseconds(100 * (count - 10)))
        }
        #expect(clock.elapsed < .seconds(9.2))
    }
}
