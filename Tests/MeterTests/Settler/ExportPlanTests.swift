import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Meter

/// What is asked of CircleCI next, in worlds where anything may be settled, under way, failed or asked lately.
struct ExportPlanTests {
    private static let today = Day("2026-11-20")!

    @Test(arguments: 0..<40)
    func `no step ever breaks a limit of CircleCI, and in the end every day is settled`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var world = PlanWorld(seed: seed)
        var steps = 0
        while true {
            let step = world.plan.step()
            try world.check(step, "seed \(seed), step \(steps)")
            if step == .done, world.isOver { break }
            world.perform(step)
            steps += 1
            try #require(steps < 20_000, "seed \(seed): it does not end")
        }
        let plan = world.plan
        for day in try #require(plan.days).clamped(to: ExportPlan.possibleDays(plan.now)).all {
            let exportedAt = try #require(plan.settled[day], "seed \(seed): \(day) is not settled")
            #expect(exportedAt >= day.advanced(by: 1).start, "seed \(seed)")
        }
        #expect(plan.slices().isEmpty && plan.underWay.isEmpty, "seed \(seed)")
    }

    @Test func `a year is asked for in a dozen slices, the latest first, and nothing twice`() {
        var plan = ExportPlan(now: ExportPlanTests.today.start.adding(seconds: 3600))
        plan.days = Day("2020-01-01")!...Day("2030-01-01")!
        let slices = plan.slices()
        #expect(slices.count == 12)
        #expect(slices[0].upperBound == Day("2026-11-19"))
        #expect(slices.flatMap(\.all).count == 363)
        for (later, earlier) in zip(slices, slices.dropFirst()) {
            #expect(earlier.upperBound.advanced(by: 1) == later.lowerBound)
        }
    }

    @Test func `the last days are settled again once a day, days before them not, unless they are asked for`() {
        var plan = ExportPlan(now: ExportPlanTests.today.start.adding(seconds: 3600))
        plan.days = Day("2026-10-01")!...Day("2026-11-19")!
        let yesterday = ExportPlanTests.today.start.adding(seconds: -60)
        for day in plan.days!.all { plan.settled[day] = max(yesterday, day.advanced(by: 1).start) }
        plan.settled[Day("2026-11-19")!] = yesterday
        #expect(plan.step() == .start(Day("2026-11-16")!...Day("2026-11-19")!))
        for day in plan.days!.all { plan.settled[day] = plan.now }
        #expect(plan.step() == .done)
        for day in plan.days!.all { plan.settled[day] = max(yesterday, day.advanced(by: 1).start) }
        plan.days = Day("2026-10-01")!...Day("2026-10-05")!
        #expect(plan.step() == .done)
        plan.isAsked = true
        #expect(plan.step() == .start(Day("2026-10-01")!...Day("2026-10-05")!))
    }

    @Test func `an export from before a day was over does not close it`() {
        var plan = ExportPlan(now: ExportPlanTests.today.start.adding(seconds: 3600))
        let day = Day("2026-11-01")!
        plan.days = day...day
        plan.settled[day] = day.advanced(by: 1).start.adding(seconds: -1)
        #expect(plan.step() == .start(day...day))
        plan.settled[day] = day.advanced(by: 4).start
        #expect(plan.step() == .done)
    }

    @Test func `a day is settled again until its export is three days younger, however long nobody could`() {
        let day = Day("2026-11-01")!
        var plan = ExportPlan(now: ExportPlanTests.today.start.adding(seconds: 3600))
        plan.days = day...day
        for later in 1...3 as ClosedRange<Int32> {
            plan.settled[day] = day.advanced(by: later + 1).start.adding(seconds: -1)
            #expect(plan.step() == .start(day...day), "settled \(later) days after it")
        }
        plan.settled[day] = day.advanced(by: 4).start
        #expect(plan.step() == .done)
    }

    @Test func `by a clock as far ahead as may be, no export ends in the future`() {
        let midnight = ExportPlanTests.today.start
        let ahead = ClockWatch.toleratedSeconds + 60
        #expect(ExportPlan.lastFullDay(midnight.adding(seconds: ahead - 1)) == Day("2026-11-18"))
        #expect(ExportPlan.lastFullDay(midnight.adding(seconds: ahead)) == Day("2026-11-19"))
    }

    @Test(arguments: 0..<40)
    func `an export closes its days up to the first that has runs and no row, and old days by any row`(
        _ round: UInt64
    ) throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let days = Day("2026-11-01")!...Day("2026-11-01")!.advanced(by: Int32.random(in: 0...30, using: &random))
        let exportedAt = days.end.adding(seconds: Double.random(in: 1..<500_000, using: &random))
        var (rows, runs): ([Day: Int], [Day: Int]) = ([:], [:])
        let share = Double.random(in: 0...1, using: &random)
        for day in days.all {
            if Double.random(in: 0..<1, using: &random) < share { rows[day] = 2 }
            if Bool.random(using: &random) { runs[day] = 3 }
        }
        let closed = ExportPlan.closedDays(days, rows: rows, runs: runs, exportedAt: exportedAt, correctionDays: 3)
        func isDoubtful(_ day: Day) -> Bool {
            runs[day] != nil && rows[day] == nil
                && (rows.isEmpty || exportedAt.seconds(since: day.advanced(by: 1).start) < 3 * 86_400)
        }
        #expect(closed?.lowerBound ?? days.lowerBound == days.lowerBound, "seed \(seed)")
        let closedDays = closed.map(\.all) ?? []
        #expect(!closedDays.contains(where: isDoubtful), "seed \(seed)")
        let next = closed.map { $0.upperBound.advanced(by: 1) } ?? days.lowerBound
        #expect(next > days.upperBound || isDoubtful(next), "seed \(seed)")
    }

    @Test func `what failed is asked for again after a pause, in halves, and given up after the third time`() {
        let options = ExportOptions()
        var plan = ExportPlan(now: ExportPlanTests.today.start.adding(seconds: 3600))
        plan.days = Day("2026-10-20")!...Day("2026-11-19")!
        let first = Day("2026-10-20")!...Day("2026-11-19")!
        plan.failures = [ExportPlan.Failure(days: first, at: plan.now)]
        let again = plan.now.adding(seconds: options.retrySeconds)
        #expect(plan.step() == .wait(until: again))
        plan.now = again
        #expect(plan.step() == .start(Day("2026-11-05")!...Day("2026-11-19")!))
        plan.failures += [ExportPlan.Failure(days: Day("2026-11-05")!...Day("2026-11-19")!, at: plan.now)]
        // The other half can be had at once.
        #expect(plan.step() == .start(Day("2026-10-21")!...Day("2026-11-04")!))
        plan.failures += [ExportPlan.Failure(days: Day("2026-11-05")!...Day("2026-11-19")!, at: plan.now)]
        plan.settled = Dictionary(uniqueKeysWithValues: first.all.prefix(16).map { ($0, plan.now) })
        #expect(plan.step() == .done)
        #expect(plan.givenUp == (Day("2026-11-05")!...Day("2026-11-19")!).all)
        plan.now = plan.now.adding(seconds: options.forgetSeconds)
        #expect(plan.step() == .start(Day("2026-11-05")!...Day("2026-11-19")!))
    }

    @Test func `all is settled through the day before the first that is not`() {
        let first = Day("2026-11-01")!
        var settled: [Day: Timestamp] = [:]
        #expect(ExportPlan.settledThrough(settled, since: first) == nil)
        for day in [first, first.advanced(by: 1), first.advanced(by: 3)] {
            settled[day] = ExportPlanTests.today.start
        }
        #expect(ExportPlan.settledThrough(settled, since: first) == first.advanced(by: 1))
        // Half of a day is none.
        settled[first] = first.start.adding(seconds: 7200)
        #expect(ExportPlan.settledThrough(settled, since: first) == nil)
    }
}

/// CircleCI as a plan sees it: exports end well, fail, get lost, or take their time; calls are refused now and then.
private struct PlanWorld {
    var plan: ExportPlan
    private var random: SeededGenerator
    /// Until when things go wrong. Thereafter what was given up is let be for a while.
    private let calmAt: Timestamp

    private var isTroubled: Bool { plan.now < calmAt }
    var isOver: Bool { plan.now.seconds(since: calmAt) > plan.options.forgetSeconds }

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let now = Timestamp("2026-11-20T00:00:00Z")!.adding(seconds: Double.random(in: 0..<86_400, using: &random))
        plan = ExportPlan(now: now)
        calmAt = now.adding(seconds: 2 * 86_400)
        let last = now.day.advanced(by: Int32.random(in: -3...1, using: &random))
        plan.days = last.advanced(by: -Int32.random(in: 0...400, using: &random))...last
        for day in plan.days!.all where Double.random(in: 0..<1, using: &random) < 0.5 {
            // Some from before the day was over.
            plan.settled[day] = day.start.adding(seconds: Double.random(in: 0..<400_000, using: &random))
        }
        for _ in 0..<Int.random(in: 0...10, using: &random) {
            plan.starts.append(now.adding(seconds: -Double.random(in: 0..<4000, using: &random)))
        }
        self.random = random
    }

    func check(_ step: ExportPlan.Step, _ note: String) throws {
        let (now, options) = (plan.now, plan.options)
        func lastHour(_ calls: [Timestamp]) -> Int { calls.count { now.seconds(since: $0) < 3600 } }
        switch step {
        case .start(let days):
            #expect(days.all.count <= 31, "\(note)")
            #expect(days.end.microseconds - days.lowerBound.start.microseconds <= 31 * 86_400_000_000, "\(note)")
            #expect(now.seconds(since: days.end) >= ClockWatch.toleratedSeconds + 60, "\(note)")
            #expect(now.seconds(since: days.lowerBound.start) <= 365 * 86_400, "\(note)")
            #expect(lastHour(plan.starts) < 10, "\(note)")
            #expect(plan.underWay.allSatisfy { !$0.days.overlaps(days) }, "\(note)")
            #expect(plan.underWay.count < options.maximumUnderWay, "\(note)")
            #expect(plan.startsHeldUntil.map { $0 <= now } ?? true, "\(note)")
        case .look(let id):
            #expect(plan.underWay.contains { $0.id == id }, "\(note)")
            #expect(lastHour(plan.looks) < 10, "\(note)")
            #expect(plan.looks.allSatisfy { now.seconds(since: $0) >= 360 }, "\(note)")
            #expect(plan.looksHeldUntil.map { $0 <= now } ?? true, "\(note)")
        case .wait(let until):
            try #require(until > now, "\(note)")
        case .done:
            #expect(plan.underWay.isEmpty, "\(note)")
        }
    }

    mutating func perform(_ step: ExportPlan.Step) {
        let isBad = isTroubled && Double.random(in: 0..<1, using: &random) < 0.4
        switch step {
        case .start(let days):
            plan.starts.append(plan.now)
            if isBad {
                plan.startsHeldUntil = plan.now.adding(seconds: Double.random(in: 1..<4000, using: &random))
                return
            }
            let id = "\(random.next())"
            plan.underWay.append(ExportPlan.UnderWay(id: id, days: days, startedAt: plan.now))
        case .look(let id):
            plan.looks.append(plan.now)
            let place = plan.underWay.firstIndex { $0.id == id }!
            plan.underWay[place].lookedAt = plan.now
            if isBad, Bool.random(using: &random) {
                plan.looksHeldUntil = plan.now.adding(seconds: Double.random(in: 1..<4000, using: &random))
            } else if isBad {
                plan.failures.append(ExportPlan.Failure(days: plan.underWay[place].days, at: plan.now))
                plan.underWay.remove(at: place)
            } else if Bool.random(using: &random) {
                let export = plan.underWay.remove(at: place)
                for day in export.days.all {
                    plan.settled[day] = max(plan.settled[day] ?? export.startedAt, export.startedAt)
                }
            }
        case .wait(let until): plan.now = until
        case .done: plan.now = plan.now.adding(seconds: 3600)
        }
    }
}
