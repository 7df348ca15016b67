import FakeCircleCI
import NIOHTTP1
import TestSupport
import Testing
import Wire

@testable import CircleCI

struct APILimitTests {
    static let origin = ContinuousClock.now

    @Test("Whatever headers say of limits, no more calls leave than all of them allow, and all calls leave in the end")
    func neverTooMany() throws {
        for round in 0..<60 {
            let seed = TestSeed.of(round: UInt64(round))
            var simulation = LimitSimulation(seed: seed, calls: 250)
            simulation.run()
            #expect(simulation.excess == [], "seed \(seed)")
            #expect(simulation.sent == 250, "seed \(seed): stuck")
            #expect(simulation.mostAtATime <= simulation.concurrency, "seed \(seed)")
        }
    }

    /// What a gate does with one call at a time, answered at once with the same headers, until it says wait.
    static func callsUntilWait(
        _ headers: (Int) -> HTTPHeaders,
        options: APIBudget.Options = APIBudget.Options(callsPerSecond: nil),
        priority: APIBudget.Priority = .normal
    ) -> (calls: Int, until: Duration?) {
        var gate = CallGate(options: options, random: SeededGenerator(seed: 1))
        for count in 0..<300 {
            switch gate.admit(priority, at: origin) {
            case .wait(_, let instant): return (count, instant.map { $0 - origin })
            case .go(let ticket):
                let told = RateHeaders(headers(count + 1)).windows
                gate.end(ticket, status: 200, told: told, retryAfter: nil, at: origin)
            }
        }
        return (300, nil)
    }

    @Test("The lower of the two families counts, in either place")
    func lowerFamily() {
        for (unnamed, minute) in [(50, 20), (20, 50)] {
            let (calls, until) = Self.callsUntilWait { count in
                [
                    "RateLimit-Limit": "\(unnamed)", "RateLimit-Remaining": "\(unnamed - count)",
                    "RateLimit-Reset": "40",
                    "X-RateLimit-Limit-Minute": "\(minute)", "X-RateLimit-Remaining-Minute": "\(minute - count)",
                    "X-RateLimit-Reset-Minute": "40",
                ]
            }
            #expect(calls == 15)
            #expect(until == .seconds(41))
        }
    }

    @Test("The reserve is the probe's: normal calls stop at it, probes at nothing")
    func reserve() {
        let headers: (Int) -> HTTPHeaders = { count in
            ["RateLimit-Limit": "100", "RateLimit-Remaining": "\(100 - count)", "RateLimit-Reset": "30"]
        }
        #expect(Self.callsUntilWait(headers).calls == 95)
        #expect(Self.callsUntilWait(headers, priority: .probe).calls == 100)
    }

    @Test("A limit smaller than the reserve still lets calls out", arguments: [1, 2, 3, 4, 8])
    func tinyLimit(limit: Int) {
        let (calls, _) = Self.callsUntilWait { count in
            ["RateLimit-Limit": "\(limit)", "RateLimit-Remaining": "\(limit - count)", "RateLimit-Reset": "30"]
        }
        #expect(calls == limit - limit / 4)
    }

    @Test("A limit that is used up is used up again after its window, and hardly any of it is wasted")
    func throughput() {
        var simulation = LimitSimulation(seed: 7, calls: 400, only: 100)
        simulation.run()
        // 95 calls a minute and the margin: a fifth window begins within 4 * (60 + 2) seconds.
        #expect(simulation.excess == [])
        #expect(simulation.elapsed < .seconds(4 * 63 + 20))
    }

    @Test("A limit that no answer names any more is forgotten")
    func forgotten() {
        var gate = CallGate(options: APIBudget.Options(callsPerSecond: nil), random: SeededGenerator(seed: 1))
        var now = Self.origin
        func send(_ headers: HTTPHeaders) -> Bool {
            guard case .go(let ticket) = gate.admit(.normal, at: now) else { return false }
            gate.end(ticket, status: 200, told: RateHeaders(headers).windows, retryAfter: nil, at: now)
            return true
        }
        #expect(send(["X-RateLimit-Limit-Minute": "4", "X-RateLimit-Remaining-Minute": "3"]))
        for _ in 0..<10 {
            now += .seconds(62)
            while send([:]), gate.limitedUntil(at: now) != nil {}
        }
        for _ in 0..<100 { #expect(send([:])) }
    }

    @Test("Both forms of Retry-After, against the answer's own date where it has one")
    func retryAfter() throws {
        let now = try #require(Timestamp("2026-11-22T08:00:00Z"))
        func wait(_ headers: HTTPHeaders) -> Duration? { RateHeaders.retryAfter(headers, wallTime: now) }
        #expect(wait([:]) == nil)
        #expect(wait(["retry-after": "17"]) == .seconds(17))
        #expect(wait(["retry-after": "-3"]) == .zero)
        #expect(wait(["retry-after": "soon"]) == nil)
        #expect(wait(["retry-after": "nan"]) == nil)
        #expect(wait(["retry-after": "1e300"]) == .seconds(86_400))
        #expect(wait(["retry-after": "Sun, 22 Nov 2026 08:01:30 GMT"]) == .seconds(90))
        #expect(wait(["retry-after": "Sun, 22 Nov 2026 07:00:00 GMT"]) == .zero)
        let skewed: HTTPHeaders = [
            "date": "Sun, 22 Nov 2026 11:00:00 GMT", "retry-after": "Sun, 22 Nov 2026 11:00:05 GMT",
        ]
        #expect(wait(skewed) == .seconds(5))
    }

    @Test("Nonsense in the headers is no limit, and no crash")
    func nonsense() {
        let values = ["", "-1", "x", "99999999999999999999", "1e400", "nan", ";w=1", "5;w=60", "3, 2", "0x10", "٣"]
        for limit in values {
            for remaining in values {
                let headers: HTTPHeaders = [
                    "RateLimit-Limit": limit, "RateLimit-Remaining": remaining, "RateLimit-Reset": limit,
                    "X-RateLimit-Remaining-Day": remaining, "X-RateLimit-Reset-Day": limit,
                ]
                _ = Self.callsUntilWait { _ in headers }
            }
        }
        let numbers = RateHeaders(["RateLimit-Limit": "100;w=60", "RateLimit-Remaining": "9, 4"]).windows[.unnamed]
        #expect(numbers == RateNumbers(limit: 100, remaining: 4, reset: nil))
    }
}
