import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Logging
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

extension ReconcileWorld {
    var data: DataDirectory { DataDirectory(directory.path) }

    /// A settler that remembers nothing, as after a restart. Its sleep lets the site's time pass.
    func settler(
        append: (@Sendable ([LogEntry]) async throws -> Void)? = nil,
        sleep: (@Sendable (Duration) async throws -> Void)? = nil,
        now: (@Sendable () -> Timestamp)? = nil,
        period: Duration? = nil,
        exported: @escaping @Sendable (ExportReport) -> Void = { _ in },
        clockProblem: @escaping @Sendable () -> MeterError? = { nil },
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) -> Settler {
        let (log, clients, site) = (log, clients, site)
        return Settler(
            Settler.Surroundings(
                connections: store,
                monitor: monitor,
                knowledge: log,
                api: { try clients.client($0) },
                append: append ?? { try log.append($0) },
                directory: data,
                now: now ?? { site.now },
                sleep: sleep ?? { duration in
                    try Task.checkCancellation()
                    site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                },
                settled: { _ in },
                exported: exported,
                clockProblem: clockProblem,
                logger: logger
            ),
            options: ExportOptions(),
            period: period
        )
    }

    @discardableResult
    func settle(_ id: String? = nil, days: ClosedRange<Day>? = nil) async throws -> ExportReport {
        try await settler().settleByHand(id ?? connectionIDs[0], ExportRequest(days: days, isByHand: true))
    }

    /// The files that lie in the directory of exports.
    var exportFiles: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: data.exports)) ?? []).sorted()
    }

    /// Starts of exports, at the site.
    var startCount: Int { site.callCount("/organizations/{org_id}/usage_export_job") }
    var lookCount: Int { site.callCount("/organizations/{org_id}/usage_export_job/{usage_export_job_id}") }

    /// Holds every credit against what the made-up CircleCI says itself, by feature and by job, to the thousandth, and
    /// that the days are closed.
    func expectSettled(
        through last: Day,
        correctedShare: Double = 0,
        _ note: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let days = site.history.options.firstDay...last
        for organization in site.history.organizations {
            let connection = LiveService.connection(organization.index)
            var options = FakeUsageExport.Options(days: days)
            options.correctedShare = correctedShare
            var usages: [TrueUsage] = []
            FakeUsageExport(site.history, organization: organization.index, options: options).rows {
                usages.append($0.usage)
            }
            let truth = CreditCounts(usages)
            let counted = CreditCounts(log.snapshot, connection: connection, through: last)
            #expect(counted.features == truth.features, "\(note)", sourceLocation: sourceLocation)
            #expect(counted.jobs == truth.jobs, "\(note)", sourceLocation: sourceLocation)
            #expect(counted.runs == truth.runs, "\(note)", sourceLocation: sourceLocation)
            #expect(counted.openDays == [], "\(note)", sourceLocation: sourceLocation)
        }
    }
}

/// Thousandths of a credit by day and feature, and by day and job.
struct CreditCounts {
    var features: [String: Int] = [:]
    var jobs: [String: Int] = [:]
    /// Job runs that are settled.
    var runs = 0
    /// Days with runs that no export has closed.
    var openDays: Set<Day> = []

    init(_ usages: [TrueUsage]) {
        for usage in usages {
            for (feature, value) in usage.credits where value != 0 {
                features["\(usage.day) \(feature)", default: 0] += value
            }
            if usage.totalCredits != 0 {
                jobs["\(usage.day) \(usage.workflowName) \(usage.jobName)", default: 0] += usage.totalCredits
            }
        }
        runs = usages.count
    }

    init(_ snapshot: Snapshot, connection: String, through last: Day) {
        let settled = UsageTable.features.column("credits_settled")
        for row in snapshot[.features] where row.key.connection == connection && row.tally[settled] != 0 {
            features["\(row.key.day) \(row.key.texts[1])", default: 0] += row.tally[settled]
        }
        let ofJobs = UsageTable.jobs.column("credits_settled")
        for row in snapshot[.jobs] where row.key.connection == connection && row.tally[ofJobs] != 0 {
            jobs["\(row.key.day) \(row.key.texts[1]) \(row.key.texts[2])", default: 0] += row.tally[ofJobs]
        }
        for row in snapshot[.coverage] where row.key.connection == connection {
            runs += row.tally[4]
            if row.key.day <= last, row.tally[UsageTable.coverage.valueColumns.count] != 1 {
                openDays.insert(row.key.day)
            }
        }
    }
}
