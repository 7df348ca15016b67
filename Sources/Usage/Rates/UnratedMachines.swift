public import Wire

/// A machine that runs were on and of which the rate card has no rate on some of their days: provisional credits are 0
/// there, as they should be for a self-hosted runner, and too few for any other.
public struct UnratedMachine: Hashable, Sendable {
    public var executor: String
    /// `namespace/name` for a self-hosted runner.
    public var resourceClass: String
    /// Job runs on days without a rate.
    public var runs: Int
    /// Of these, those that no usage export has settled.
    public var provisionalRuns: Int
    public var durationMilliseconds: Int
    public var firstDay: Day
    public var lastDay: Day
}

extension Snapshot {
    /// The machines that the rate card says nothing of, by executor and resource class.
    public var unratedMachines: [UnratedMachine] {
        var settledRuns: [GroupKey: Int] = [:]
        for row in self[.resources] where !isRated(row.key, row.key.texts[3], row.key.texts[4]) {
            settledRuns[GroupKey(texts: [row.key.texts[4], row.key.texts[3]]), default: 0] +=
                row.tally[ResourceColumn.runs]
        }
        var machines: [GroupKey: UnratedMachine] = [:]
        for row in self[.features] where row.key.texts[1] == "compute" {
            let (resourceClass, executor) = (row.key.texts[2], row.key.texts[3])
            guard !isRated(row.key, resourceClass, executor) else { continue }
            let key = GroupKey(texts: [executor, resourceClass])
            var machine =
                machines[key]
                ?? UnratedMachine(
                    executor: executor,
                    resourceClass: resourceClass,
                    runs: 0,
                    provisionalRuns: -(settledRuns[key] ?? 0),
                    durationMilliseconds: 0,
                    firstDay: row.key.day,
                    lastDay: row.key.day
                )
            machine.runs += row.tally[FeatureColumn.runs]
            machine.provisionalRuns += row.tally[FeatureColumn.runs]
            machine.durationMilliseconds += row.tally[FeatureColumn.duration]
            machine.firstDay = min(machine.firstDay, row.key.day)
            machine.lastDay = max(machine.lastDay, row.key.day)
            machines[key] = machine
        }
        return machines.sorted { $0.key < $1.key }.map(\.value)
    }

    /// What ran on no machine, as an approval, is not missed on the card.
    private func isRated(_ key: RowKey, _ resourceClass: String, _ executor: String) -> Bool {
        resourceClass.isEmpty
            || rateCard.thousandthsPerMinute(executor: executor, resourceClass: resourceClass, day: key.day) != nil
    }
}
