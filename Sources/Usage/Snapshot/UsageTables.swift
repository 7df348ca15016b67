public import Wire

/// All counters in memory: what `usage.sqlite` holds, for dry runs and for tests of the reducer's law.
public struct UsageTables: UsageStorage, Sendable {
    private struct PartitionKey: Hashable {
        var connection: String
        var day: Day
    }

    private struct SightingKey: Hashable {
        var connection: String
        var id: String
        var slug: String
    }

    private struct ProjectKey: Hashable {
        var connection: String
        var project: String
    }

    private var rows: [UsageTable: [RowKey: Tally]] = [:]
    private var partitions: [PartitionKey: [[UInt8]]] = [:]
    private var sightings: [SightingKey: ProjectName] = [:]
    private var states: [String: ConnectionState] = [:]
    private var reconciled: [ProjectKey: ProjectReconciliation] = [:]
    private var numbers: [ProjectKey: ProjectNumbers] = [:]
    private var days: [PartitionKey: SettledDay] = [:]
    private var descriptions: [RowKey: JobDescription] = [:]
    private var card: RateCardState?

    public init() {}

    /// Publishes what an advance changed.
    public mutating func apply(_ changes: UsageChanges) {
        for (table, changed) in changes.rows {
            for (key, change) in changed {
                var tally = rows[table]?[key] ?? Tally()
                tally.add(change)
                rows[table, default: [:]][key] = tally.isZero ? nil : tally
            }
        }
        for piece in changes.partitions {
            let key = PartitionKey(connection: piece.connection, day: piece.day)
            if piece.replacesEarlier { partitions[key] = [] }
            partitions[key, default: []].append(piece.bytes)
        }
        for project in changes.projects {
            sightings[SightingKey(connection: project.connection, id: project.id, slug: project.slug)] = project
        }
        for state in changes.connections { states[state.connection] = state }
        for change in changes.reconciliations {
            reconciled[ProjectKey(connection: change.connection, project: change.project)] = change
        }
        for change in changes.jobNumbers {
            numbers[ProjectKey(connection: change.connection, project: change.project)] = change
        }
        for day in changes.settledDays { days[PartitionKey(connection: day.connection, day: day.day)] = day }
        for description in changes.jobDescriptions { descriptions[description.key] = description }
        if let changed = changes.rateCard { card = changed }
    }

    public func partition(connection: String, day: Day) -> [[UInt8]] {
        partitions[PartitionKey(connection: connection, day: day)] ?? []
    }

    public func projects() -> [ProjectName] { Array(sightings.values) }
    public func connections() -> [ConnectionState] { Array(states.values) }
    public func reconciliations() -> [ProjectReconciliation] { Array(reconciled.values) }
    public func jobNumbers() -> [ProjectNumbers] { Array(numbers.values) }

    public func settledDays() -> [SettledDay] { Array(days.values) }
    public func jobDescriptions() -> [JobDescription] { Array(descriptions.values) }
    public func rateCard() -> RateCardState? { card }

    /// The counters as a snapshot.
    public func snapshot(position: SnapshotPosition?) -> Snapshot {
        var parts = SnapshotParts()
        parts.position = position
        parts.rows = rows.mapValues { $0.map { ($0.key, $0.value) } }
        parts.projects = projects()
        parts.connections = connections()
        parts.reconciliations = reconciliations()
        parts.settledDays = settledDays()
        parts.jobDescriptions = jobDescriptions()
        parts.rateCard = card
        return Snapshot(parts)
    }
}
