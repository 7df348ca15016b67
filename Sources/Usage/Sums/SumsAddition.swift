import Wire

/// The sums of a connection and a span of days.
public struct PlacedSums: Sendable {
    public var connection: String
    public var span: DaySpan
    public var sums: PartialSums

    public init(connection: String, span: DaySpan, sums: PartialSums) {
        self.connection = connection
        self.span = span
        self.sums = sums
    }
}

/// Adds up sums by group. Groups are told apart by the object that holds their name, and durations are added last, group
/// by group, in one row of counters: what it takes grows with the groups and buckets that are added, and with nothing else.
struct SumsAddition {
    /// Groups of different scopes stay apart.
    private struct Place: Hashable {
        var scope: Int
        var name: ObjectIdentifier
    }

    private var places: [Place: Int] = [:]
    private(set) var groups: [(scope: Int, group: PartialSums.Group)] = []
    private var durations: [(group: Int, histogram: Histogram)] = []

    mutating func add(_ sums: PartialSums, scope: Int = 0, where isWanted: (GroupKey) -> Bool = { _ in true }) {
        for group in sums.groups where isWanted(group.name.key) {
            let place = Place(scope: scope, name: ObjectIdentifier(group.name))
            let index: Int
            if let known = places[place] {
                index = known
                groups[index].group.totals.addCounts(of: group.totals)
            } else {
                index = groups.count
                places[place] = index
                groups.append((scope, PartialSums.Group(name: group.name, totals: group.totals.withoutDurations)))
            }
            if !group.totals.durations.isEmpty { durations.append((index, group.totals.durations)) }
        }
    }

    /// Gives every group its durations.
    consuming func added() -> [(scope: Int, group: PartialSums.Group)] {
        var ends = [Int](repeating: 0, count: groups.count + 1)
        for entry in durations { ends[entry.group + 1] += 1 }
        for index in groups.indices { ends[index + 1] += ends[index] }
        var next = ends
        var order = [Int](repeating: 0, count: durations.count)
        for (index, entry) in durations.enumerated() {
            order[next[entry.group]] = index
            next[entry.group] += 1
        }
        var counters = HistogramCounters()
        for index in groups.indices {
            for place in ends[index]..<ends[index + 1] { counters.add(durations[order[place]].histogram) }
            groups[index].group.totals.setDurations(counters.take())
        }
        return groups
    }
}

extension PartialSums {
    /// A span's sums from those of its days.
    public static func sum(_ parts: some Sequence<PartialSums>) -> PartialSums {
        var addition = SumsAddition()
        var sums = PartialSums()
        for part in parts {
            addition.add(part)
            sums.workflowRuns += part.workflowRuns
            sums.coverage.add(part.coverage)
        }
        sums.groups = addition.added().map(\.group)
        return sums
    }
}

extension UsageReport {
    /// As ``groups(_:of:)-(_,Snapshot)``, from sums of the request's ``Request/sumsKind``.
    /// - Parameter parts: of every day of ``Request/neededRange`` that has counters, none twice; each of a single day
    ///   where the request tells days apart.
    public static func groups(_ request: Request, of parts: [PlacedSums]) -> Groups {
        Groups(
            after: totals(request, request.range, parts),
            before: request.comparesBefore ? totals(request, request.range.before, parts) : [:]
        )
    }

    private static func totals(
        _ request: Request,
        _ range: ReportRange,
        _ parts: [PlacedSums]
    ) -> [GroupKey: UsageTotals] {
        guard case .usage(_, let kept)? = request.sumsKind else { return [:] }
        let project = kept.firstIndex(of: .project)
        // What a span has one of tells groups apart only where it is asked for.
        let scoped = request.groupings.filter { $0 == .connection || $0 == .month || $0 == .day }
        var scopes: [GroupKey: Int] = [:]
        var scopeTexts: [[String]] = []
        var addition = SumsAddition()
        for part in parts where range.days.contains(part.span.first) {
            let texts = scoped.map { grouping in
                switch grouping {
                case .connection: part.connection
                case .month: part.span.first.month
                default: part.span.first.description
                }
            }
            let scope = scopes[GroupKey(texts: texts)] ?? scopeTexts.count
            if scope == scopeTexts.count {
                scopes[GroupKey(texts: texts)] = scope
                scopeTexts.append(texts)
            }
            if let wanted = request.project, let project {
                addition.add(part.sums, scope: scope) { $0.texts[project].hasBytes(of: wanted) }
            } else {
                addition.add(part.sums, scope: scope)
            }
        }
        var totals: [GroupKey: UsageTotals] = [:]
        for (scope, group) in addition.added() {
            let texts = request.groupings.map { grouping in
                if let place = scoped.firstIndex(of: grouping) { return scopeTexts[scope][place] }
                return kept.firstIndex(of: grouping).map { group.name.key.texts[$0] } ?? ""
            }
            // Two names of one text are rare; they are one group all the same.
            totals[GroupKey(texts: texts), default: UsageTotals()].add(group.totals)
        }
        return totals
    }
}
