import Wire

/// Sums of days and months, kept with the version that they are of, so that only what has changed is added up again.
///
/// Bounded: beyond ``budgetBytes`` what was not asked for the longest goes, down to three quarters. What is given back
/// is right whatever is kept or gone.
public struct SumsMemory: Sendable {
    /// Of all that is kept. A day of 3,000 groups takes about 0.7 MB, a month of 50 about 50 kB.
    public static let usualBudgetBytes = 128 << 20
    /// The days of a month are kept beside it where they take less than this part of the budget.
    private static let monthShare = 32
    /// Names of groups beyond which they are told apart anew.
    private static let maximumNameCount = 200_000

    private struct Key: Hashable {
        var kind: SumsKind
        var connection: String
        var span: DaySpan
    }

    private struct Entry {
        var sums: PartialSums
        var version: DayVersions.Version
        var byteCount: Int
        var lastUse: Int
    }

    public let budgetBytes: Int
    public private(set) var byteCount = 0
    private var entries: [Key: Entry] = [:]
    private var names: [GroupKey: GroupName] = [:]
    private var useCount = 0

    public init(budgetBytes: Int = usualBudgetBytes) {
        self.budgetBytes = budgetBytes
    }

    /// The sums as of a version; nil where none of that version are kept.
    public mutating func sums(
        _ kind: SumsKind,
        connection: String,
        span: DaySpan,
        version: DayVersions.Version
    ) -> PartialSums? {
        let key = Key(kind: kind, connection: connection, span: span)
        guard let index = entries.index(forKey: key), entries.values[index].version == version else { return nil }
        useCount += 1
        entries.values[index].lastUse = useCount
        return entries.values[index].sums
    }

    /// Gives a day's groups their names.
    public mutating func named(_ day: CountedDay) -> PartialSums {
        if names.count > SumsMemory.maximumNameCount { names.removeAll() }
        var sums = PartialSums()
        sums.groups.reserveCapacity(day.groups.count)
        for (key, totals) in day.groups {
            let name = names[key] ?? GroupName(key)
            names[key] = name
            sums.groups.append(PartialSums.Group(name: name, totals: totals))
        }
        sums.workflowRuns = day.workflowRuns
        sums.coverage = day.coverage
        return sums
    }

    /// Keeps sums, unless later ones are kept.
    public mutating func keep(
        _ sums: PartialSums,
        _ kind: SumsKind,
        connection: String,
        span: DaySpan,
        version: DayVersions.Version
    ) {
        let key = Key(kind: kind, connection: connection, span: span)
        if let kept = entries[key] {
            guard kept.version.sequence <= version.sequence else { return }
            byteCount -= kept.byteCount
        }
        useCount += 1
        let size = sums.byteCount
        entries[key] = Entry(sums: sums, version: version, byteCount: size, lastUse: useCount)
        byteCount += size
        if byteCount > budgetBytes { shrink() }
    }

    /// Keeps a month's sums. Its days stay kept where they are few, so that a change of one of them costs that one.
    public mutating func keep(
        month sums: PartialSums,
        _ kind: SumsKind,
        connection: String,
        span: DaySpan,
        version: DayVersions.Version
    ) {
        keep(sums, kind, connection: connection, span: span, version: version)
        let days = (span.days.lowerBound.daysSinceEpoch...span.days.upperBound.daysSinceEpoch).map {
            Key(kind: kind, connection: connection, span: DaySpan(day: Day(daysSinceEpoch: $0)))
        }
        let size = days.reduce(0) { $0 + (entries[$1]?.byteCount ?? 0) }
        guard size > budgetBytes / SumsMemory.monthShare else { return }
        for day in days { remove(day) }
    }

    private mutating func remove(_ key: Key) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        byteCount -= entry.byteCount
    }

    private mutating func shrink() {
        for (key, _) in entries.sorted(by: { $0.value.lastUse < $1.value.lastUse }) {
            guard byteCount > budgetBytes / 4 * 3 else { return }
            remove(key)
        }
    }
}
