import Foundation
import Meter

/// What a long history costs: the memory of a replay and the time of a start, against a short one.
struct HistoryComparison: Sendable {
    private static let memoryRatio = 1.3
    private static let memoryMebibytes = 250.0
    private static let startRatio = 1.2
    private static let startMilliseconds = 500.0
    private static let dayCount = 365

    let program: Circlemeter
    let recordCount: Int
    let rounds: Int
    let stage: Stage

    func run() async throws -> Report.Section {
        // A year, the tenth of it, and what a young service has, as many records a day in each.
        func data(_ name: String, share: Int) throws -> DataSet {
            let data = DataSet(
                directory: "\(stage.directory)/\(name)",
                recordCount: recordCount / share,
                dayCount: max(1, HistoryComparison.dayCount / share)
            )
            try data.requireRoom()
            return data
        }
        let sets = (
            long: try data("long", share: 1), middle: try data("middle", share: 10),
            short: try data("short", share: 100)
        )
        for data in [sets.long, sets.middle, sets.short] { try await data.make() }
        let section = try await onOwnThread("bench.history") { try measure(sets.long, sets.middle, sets.short) }
        for data in [sets.long, sets.middle, sets.short] { try data.remove() }
        return section
    }

    private func measure(_ long: DataSet, _ middle: DataSet, _ short: DataSet) throws -> Report.Section {
        // The peak hardly moves between two replays of one log, and the long one takes its time.
        let replays = try [long, middle, short].map { data in
            let resources = try Resources.of(program.path, ["replay", "--data-dir", data.directory], stage: stage)
            Stage.note(
                "replay of \(data.recordCount) records over \(data.dayCount) days: \(Report.number(resources.seconds)) s, "
                    + "at most \(resources.peakResidentBytes >> 20) MiB"
            )
            return resources
        }
        var longTimes: [Double] = []
        var shortTimes: [Double] = []
        for _ in 1...rounds {
            longTimes.append(try start(long))
            shortTimes.append(try start(short))
        }
        func mebibytes(_ resources: Resources) -> Double { Double(resources.peakResidentBytes) / Double(1 << 20) }
        return Report.Section(
            title: "A long history",
            conditions:
                "\(long.recordCount) records over \(long.dayCount) days, \(try long.logByteCount() / 1_000_000) MB of log; "
                + "peak resident memory of one replay each; start from the start of the process until /readyz answers "
                + "200, snapshot up to date, page cache as the replay left it",
            rows: [
                Report.Row(
                    name: "peak memory of a replay, \(long.recordCount) records over \(long.dayCount) days",
                    unit: "MiB",
                    circlemeter: [mebibytes(replays[0])],
                    against: "\(middle.recordCount) over \(middle.dayCount) days",
                    other: [mebibytes(replays[1])],
                    aims: [.ratioAtMost(HistoryComparison.memoryRatio), .below(HistoryComparison.memoryMebibytes)]
                ),
                Report.Row(
                    name: "start until ready, \(long.recordCount) records on the log",
                    unit: "ms",
                    circlemeter: longTimes,
                    against: "with \(short.recordCount)",
                    other: shortTimes,
                    aims: [.ratioAtMost(HistoryComparison.startRatio), .below(HistoryComparison.startMilliseconds)]
                ),
                Report.Row(
                    name: "replay of all, both cores: records",
                    unit: "/s",
                    circlemeter: [Double(long.recordCount) / replays[0].seconds],
                    against: "\(middle.recordCount) records",
                    other: [Double(middle.recordCount) / replays[1].seconds]
                ),
            ]
        )
    }

    /// In milliseconds.
    private func start(_ data: DataSet) throws -> Double {
        let (server, time) = try program.serve(data.directory)
        try server.stop()
        return time.milliseconds
    }
}
