import Wire

/// What to do next about a connection's usage exports. Pure: it is told the time, and decides from what is settled, what
/// is under way and which calls were made.
struct ExportPlan: Sendable {
    struct UnderWay: Hashable, Sendable {
        var id: String
        var days: ClosedRange<Day>
        var startedAt: Timestamp
        var lookedAt: Timestamp?
    }

    /// An export that came to nothing.
    struct Failure: Hashable, Sendable {
        var days: ClosedRange<Day>
        var at: Timestamp
    }

    enum Step: Hashable, Sendable {
        case start(ClosedRange<Day>)
        case look(String)
        case wait(until: Timestamp)
        /// There is nothing to do but to wait for another day.
        case done
    }

    var options = ExportOptions()
    var now: Timestamp
    /// Days that may be settled; nil: none. Those that cannot be had now are left out.
    var days: ClosedRange<Day>?
    /// Whether days are settled again although they are no longer corrected: somebody asks for just these.
    var isAsked = false
    /// The latest export that holds all of a day.
    var settled: [Day: Timestamp] = [:]
    var underWay: [UnderWay] = []
    /// Of the last hour, in any order.
    var starts: [Timestamp] = []
    var looks: [Timestamp] = []
    var failures: [Failure] = []
    /// Whether CircleCI takes starts at all.
    var mayStart = true
    /// Until when CircleCI asks to start nothing, and to look at nothing.
    var startsHeldUntil: Timestamp?
    var looksHeldUntil: Timestamp?

    /// The last day of which exports that are started now hold every run.
    static func lastFullDay(_ now: Timestamp, _ options: ExportOptions = ExportOptions()) -> Day {
        now.adding(seconds: -options.marginSeconds).day.advanced(by: -1)
    }

    /// The days that an export can be asked for now.
    static func possibleDays(_ now: Timestamp, _ options: ExportOptions = ExportOptions()) -> ClosedRange<Day> {
        let last = lastFullDay(now, options)
        return last.advanced(by: 1 - Int32(options.maximumAgeDays))...last
    }

    /// The first day that is of interest: since the first run that is known, or since the connection is, as far back as
    /// exports go.
    static func firstDay(
        _ runCounts: [Day: Int],
        addedAt: Timestamp,
        _ now: Timestamp,
        _ options: ExportOptions = ExportOptions()
    ) -> Day {
        let first = min(runCounts.keys.min() ?? addedAt.day, addedAt.day)
        return max(first, possibleDays(now, options).lowerBound)
    }

    /// The day through which everything since `first` is settled; nil where `first` is not.
    static func settledThrough(_ settled: [Day: Timestamp], since first: Day) -> Day? {
        var day = first
        while let exportedAt = settled[day], exportedAt >= day.advanced(by: 1).start { day = day.advanced(by: 1) }
        return day == first ? nil : day.advanced(by: -1)
    }

    /// The days that an export closes, from its first on: before the first with runs and without a row, of an export
    /// without any rows or of one so soon after the day that the rows may come yet.
    static func closedDays(
        _ days: ClosedRange<Day>,
        rows: [Day: Int],
        runs: [Day: Int],
        exportedAt: Timestamp,
        correctionDays: Int32
    ) -> ClosedRange<Day>? {
        let open = days.all.first { day in
            guard runs[day] ?? 0 > 0, rows[day] ?? 0 == 0 else { return false }
            return rows.isEmpty || exportedAt < day.advanced(by: 1 + correctionDays).start
        }
        guard let open else { return days }
        return open == days.lowerBound ? nil : days.lowerBound...open.advanced(by: -1)
    }

    func step() -> Step {
        let start = nextStart()
        let look = nextLook()
        if let start, start.at <= now { return .start(start.days) }
        if let look, look.at <= now { return .look(look.id) }
        guard let next = [start?.at, look?.at].compactMap(\.self).min() else { return .done }
        return .wait(until: next)
    }

    /// All exports that are still to be started, those of later days first.
    func slices() -> [ClosedRange<Day>] {
        var plan = self
        plan.failures = []
        var slices: [ClosedRange<Day>] = []
        while let slice = plan.slice() {
            slices.append(slice)
            plan.underWay.append(UnderWay(id: "", days: slice, startedAt: now))
        }
        return slices
    }

    /// Days that were given up for now.
    var givenUp: [Day] { wanted.filter { isDue($0) && tries($0) >= options.maximumTries } }

    // MARK: Days

    private var wanted: [Day] {
        guard let days else { return [] }
        let possible = ExportPlan.possibleDays(now, options)
        guard days.overlaps(possible) else { return [] }
        return days.clamped(to: possible).all
    }

    private func isDue(_ day: Day) -> Bool {
        // What was exported before the day was over lacks the rest of it.
        guard let exportedAt = settled[day], exportedAt >= day.advanced(by: 1).start else { return true }
        let last = ExportPlan.lastFullDay(now, options)
        // CircleCI's data changes once a day.
        guard exportedAt < last.advanced(by: 1).start else { return false }
        return isAsked || exportedAt < day.advanced(by: 1 + options.correctionDays).start
    }

    private func isUnderWay(_ day: Day) -> Bool { underWay.contains { $0.days.contains(day) } }

    private func failures(of day: Day) -> [Failure] {
        failures.filter { $0.days.contains(day) && now.seconds(since: $0.at) < options.forgetSeconds }
    }

    private func tries(_ day: Day) -> Int { failures(of: day).count }

    /// When an export of a day may be started, after those that failed.
    private func readyAt(_ day: Day) -> Timestamp? {
        let failures = failures(of: day)
        guard let last = failures.map(\.at).max() else { return now }
        guard failures.count < options.maximumTries else { return nil }
        return last.adding(seconds: options.retrySeconds * Double(1 << (failures.count - 1)))
    }

    /// The export to start now, whatever the limits say: its days end with the latest that is due, and begin with one
    /// that is due, too. What is settled in between is settled again, which costs nothing.
    private func slice() -> ClosedRange<Day>? {
        let due = Set(wanted.filter { isDue($0) && !isUnderWay($0) })
        let ready = due.filter { readyAt($0).map { $0 <= now } ?? false }
        guard let last = ready.max() else { return nil }
        let tries = tries(last)
        let length = max(1, options.maximumDays >> tries)
        var first = last
        var day = last
        for _ in 1..<max(1, length) {
            day = day.advanced(by: -1)
            // Days that failed otherwise stay among themselves.
            if isUnderWay(day) || (due.contains(day) && (!ready.contains(day) || self.tries(day) != tries)) { break }
            if due.contains(day) { first = day }
        }
        return first...last
    }

    // MARK: Times

    private func nextStart() -> (days: ClosedRange<Day>, at: Timestamp)? {
        guard mayStart, underWay.count < options.maximumUnderWay else { return nil }
        if let slice = slice() {
            let free = freeAt(starts, limit: options.maximumStartsPerHour)
            return (slice, [now, free, startsHeldUntil].compactMap(\.self).max() ?? now)
        }
        let waiting = wanted.filter { isDue($0) && !isUnderWay($0) }.compactMap { day in
            readyAt(day).map { (days: day...day, at: $0) }
        }
        return waiting.min { $0.at < $1.at }
    }

    private func nextLook() -> (id: String, at: Timestamp)? {
        let free = freeAt(looks, limit: options.maximumLooksPerHour)
        let sinceLast = looks.max()?.adding(seconds: options.lookEverySeconds)
        let candidates = underWay.map { export in
            let own =
                export.lookedAt?.adding(seconds: options.lookEverySeconds)
                ?? export.startedAt.adding(seconds: options.firstLookSeconds)
            let at = [own, free, sinceLast, looksHeldUntil].compactMap(\.self).max() ?? own
            return (export: export, at: max(at, now))
        }
        // Of those that can be looked at equally soon, the one that was looked at longest ago.
        let next = candidates.min { first, second in
            let (one, other) = (first.export, second.export)
            return (first.at, one.lookedAt ?? one.startedAt, one.id)
                < (second.at, other.lookedAt ?? other.startedAt, other.id)
        }
        return next.map { ($0.export.id, $0.at) }
    }

    /// When one more call keeps to the limit of an hour.
    private func freeAt(_ calls: [Timestamp], limit: Int) -> Timestamp? {
        let recent = calls.filter { now.seconds(since: $0) < 3600 }.sorted()
        return recent.count < limit ? nil : recent[recent.count - limit].adding(seconds: 3600)
    }
}

extension Day {
    func advanced(by days: Int32) -> Day { Day(daysSinceEpoch: daysSinceEpoch + days) }
}

extension ClosedRange<Day> {
    var all: [Day] { (lowerBound.daysSinceEpoch...upperBound.daysSinceEpoch).map { Day(daysSinceEpoch: $0) } }

    /// Its last millisecond.
    var end: Timestamp { Timestamp(microseconds: upperBound.advanced(by: 1).start.microseconds - 1000) }
}
