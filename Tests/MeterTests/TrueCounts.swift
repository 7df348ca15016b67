import FakeCircleCI
import Usage
import Wire

@testable import Meter

/// Runs and milliseconds by a key of texts, the status last where there is one: from the truth, or from a snapshot.
struct TrueCounts: Equatable {
    struct Sums: Equatable {
        var runs = 0
        var milliseconds = 0
    }

    private(set) var sums: [[String]: Sums] = [:]

    init(_ sums: [[String]: Sums] = [:]) {
        self.sums = sums
    }

    /// The rows of jobs or workflows. A row has one sum of durations for all its statuses, so that stands under `""`
    /// unless there is one status only.
    init(_ snapshot: Snapshot, _ table: UsageTable) {
        let duration = table.column("duration_ms")
        for row in snapshot[table] {
            let key = [row.key.connection, row.key.day.description] + row.key.texts
            for column in 0..<duration where row.tally[column] > 0 {
                sums[key + [table.valueColumns[column]], default: Sums()].runs += row.tally[column]
            }
            add(milliseconds: row.tally[duration], to: key)
        }
    }

    static func branches(_ snapshot: Snapshot) -> TrueCounts {
        var counts = TrueCounts()
        for row in snapshot[.branches] {
            counts.sums[[row.key.connection, row.key.day.description] + row.key.texts] = Sums(
                runs: row.tally[0],
                milliseconds: row.tally[1]
            )
        }
        return counts
    }

    mutating func add(runs: Int, milliseconds: Int = 0, at key: [String]) {
        sums[key, default: Sums()].runs += runs
        sums[key, default: Sums()].milliseconds += milliseconds
    }

    mutating func add(milliseconds: Int, to key: [String]) {
        let statuses = sums.keys.filter { $0.dropLast() == key[...] }
        if statuses.count == 1, let only = statuses.first {
            sums[only]?.milliseconds += milliseconds
        } else {
            sums[key + [""], default: Sums()].milliseconds += milliseconds
        }
    }
}

/// What a history itself says of its runs.
struct Truth {
    var jobs = TrueCounts()
    var workflows = TrueCounts()
    var branches = TrueCounts()

    /// - Parameter workflowNames: By the run's id, where it is not as the history says.
    init(_ runs: some Sequence<TrueRun>, workflowNames: [String: String] = [:]) {
        var milliseconds: [TrueRun.Kind: [[String]: Int]] = [:]
        for run in runs {
            var words = ["success", "failed", "canceled", "unauthorized"]
            if run.kind == .workflow { words.append("error") }
            let status = ["timedout", "infrastructure_fail"].contains(run.status) ? "failed" : run.status
            guard status != "not_run" else { continue }
            var key = [LiveService.connection(run.organizationIndex), run.day.description, run.projectSlug]
            if run.kind == .job {
                branches.add(runs: 1, milliseconds: run.durationMilliseconds, at: key + [run.branch])
            }
            key.append(workflowNames[run.id] ?? run.workflowName)
            if run.kind == .job { key.append(run.jobName) }
            let full = key + [words.contains(status) ? status : "other"]
            if run.kind == .job { jobs.add(runs: 1, at: full) } else { workflows.add(runs: 1, at: full) }
            milliseconds[run.kind, default: [:]][key, default: 0] += run.durationMilliseconds
        }
        for (key, sum) in milliseconds[.job] ?? [:] { jobs.add(milliseconds: sum, to: key) }
        for (key, sum) in milliseconds[.workflow] ?? [:] { workflows.add(milliseconds: sum, to: key) }
    }
}
