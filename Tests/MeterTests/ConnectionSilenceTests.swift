import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Silence")
struct ConnectionSilenceTests {
    private func at(_ minutes: Int64) -> Timestamp { Timestamp(microseconds: minutes * 60_000_000) }

    /// Minutes; negative: told by a webhook.
    private func since(_ minutes: [Int64], now: Int64) -> Timestamp? {
        let runs = minutes.map { EndedRun(endedAt: at(abs($0)), isToldByWebhook: $0 < 0) }
        return Silence.since(runs, now: at(now))
    }

    @Test("The first run after the last that was heard says since when, once it is older than the grace")
    func cases() {
        #expect(since([], now: 100) == nil)
        #expect(since([-10, -20], now: 10_000) == nil, "a project that does nothing is not silent")
        #expect(since([-10, 20, 30], now: 35) == nil, "not older than the grace")
        #expect(since([-10, 20, 30], now: 36) == at(20))
        #expect(since([-10, 20, 30, -40], now: 1000) == nil, "heard again: single losses are filled in")
        #expect(since([5, 7], now: 1000) == at(5), "never heard")
        #expect(since([-10, 10], now: 1000) == nil, "times of the API have whole seconds")
    }

    @Test("Keeps the laws", arguments: 0..<100 as Range<UInt64>)
    func laws(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let runs = (0..<Int.random(in: 0..<20, using: &generator)).map { _ in
            EndedRun(
                endedAt: at(Int64.random(in: 0..<200, using: &generator)),
                isToldByWebhook: Bool.random(using: &generator)
            )
        }
        let now = at(Int64.random(in: 150..<400, using: &generator))
        let since = Silence.since(runs, now: now)
        #expect(Silence.since(runs.shuffled(using: &generator), now: now) == since, "order; seed \(seed)")
        #expect(Silence.since(runs + runs, now: now) == since, "repetition; seed \(seed)")
        let later = Silence.since(runs, now: now.adding(wholeSeconds: 3600))
        if let since {
            #expect(runs.contains { !$0.isToldByWebhook && $0.endedAt == since }, "seed \(seed)")
            #expect(!runs.contains { $0.isToldByWebhook && $0.endedAt >= since }, "seed \(seed)")
            #expect(later == since, "silence does not end by waiting; seed \(seed)")
        }
        let heard = runs + [EndedRun(endedAt: now, isToldByWebhook: true)]
        #expect(Silence.since(heard, now: now) == nil, "a webhook ends it; seed \(seed)")
        let told = runs.map { EndedRun(endedAt: $0.endedAt, isToldByWebhook: true) }
        #expect(Silence.since(told, now: now) == nil, "seed \(seed)")
    }
}

@Suite("The rhythm of a project without a key")
struct ConnectionRhythmTests {
    private let hour: Int64 = 3600

    private func runs(atHours hours: some Sequence<Int64>) -> [EndedRun] {
        hours.map { EndedRun(endedAt: Timestamp(microseconds: $0 * hour * 1_000_000), isToldByWebhook: true) }
    }

    private func at(_ hours: Int64) -> Timestamp { Timestamp(microseconds: hours * hour * 1_000_000) }

    @Test("Three times the largest gap is unusual, and never less than six hours")
    func quiet() throws {
        let busy = try #require(Rhythm(runs(atHours: 0...168), now: at(168)))
        #expect(busy.quietSince(at: at(174)) == nil)
        #expect(busy.quietSince(at: at(174).adding(wholeSeconds: 1)) == at(168))
        let weekend = try #require(Rhythm(runs(atHours: [0, 10, 60, 168, 170]), now: at(170)))
        #expect(weekend.quietSince(at: at(170 + 3 * 108)) == nil)
        #expect(weekend.quietSince(at: at(170 + 3 * 108 + 1)) == at(170))
    }

    @Test("Too few runs, or too short a time, are no rhythm; what is older than the window is forgotten")
    func learning() {
        #expect(Rhythm([], now: at(0)) == nil)
        #expect(Rhythm(runs(atHours: [5]), now: at(1000)) == nil)
        #expect(Rhythm(runs(atHours: 0...160), now: at(160)) == nil)
        #expect(Rhythm(runs(atHours: [0, 10]), now: at(10), minimumSpanSeconds: 10 * hour) != nil)
        let recent = Array(1000...1336 as ClosedRange<Int64>)
        let old: [Int64] = [0, 500]
        #expect(Rhythm(runs(atHours: old + recent), now: at(1336))?.largestGapMicroseconds == hour * 1_000_000)
        let untold = [EndedRun(endedAt: at(1300), isToldByWebhook: false)]
        #expect(Rhythm(runs(atHours: recent) + untold, now: at(1336)) == Rhythm(runs(atHours: recent), now: at(1336)))
    }

    @Test("What has happened before is never unusual", arguments: 0..<50 as Range<UInt64>)
    func law(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        var hours: [Int64] = [0]
        while hours.last! < 300 { hours.append(hours.last! + Int64.random(in: 1...40, using: &generator)) }
        let last = hours.last!
        let rhythm = try #require(Rhythm(runs(atHours: hours.shuffled(using: &generator)), now: at(last)))
        let gap = zip(hours.dropFirst(), hours).map { $0 - $1 }.max()!
        #expect(rhythm.quietSince(at: at(last + gap)) == nil, "seed \(seed)")
        #expect(rhythm.quietSince(at: at(last + max(6, 3 * gap) + 1)) == at(last), "seed \(seed)")
    }
}
