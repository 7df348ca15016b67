import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Webhooks of which some are lost, then settled through the API of a made-up CircleCI, whatever goes wrong on the way.
@Suite(.timeLimit(.minutes(10)))
struct ExportRunTests {
    static let later = Timestamp("2026-12-06T08:00:00Z")!
    static let lastDay = Day("2026-12-05")!

    static func history(seed: UInt64, days: Int = 5, pipelinesPerDay: Int = 12) -> FakeHistory {
        var options = FakeHistoryOptions.small(seed: seed, oddities: .usual)
        options.dayCount = days
        options.pipelinesPerDay = pipelinesPerDay
        return FakeHistory(options: options)
    }

    private func run(
        seed: UInt64,
        site change: (inout FakeSiteOptions) -> Void = { _ in },
        _ body: (ReconcileWorld) async throws -> Void
    ) async throws {
        var site = FakeSiteOptions(seed: seed)
        site.exportRowsPerFile = 90
        change(&site)
        var random = SeededGenerator(seed: seed)
        try await ReconcileWorld.run(ExportRunTests.history(seed: seed), site: site) { world in
            world.site.advance(to: ExportRunTests.later)
            try world.take(seed: seed) { _ in Double.random(in: 0..<1, using: &random) >= 0.2 }
            try await body(world)
        }
    }

    @Test func `while the clock is wrong no export is started, nor one settled whose answer says so`()
        async throws
    {
        let seed = TestSeed.of(round: 40)
        try await run(seed: seed) { world in
            let id = world.connectionIDs[0]
            let wrong = MeterError(.wrongClock, "it is wrong")
            let refused = try await world.settler(clockProblem: { wrong })
                .settleByHand(id, ExportRequest(isByHand: true))
            #expect(refused.problem?.code == "wrong_clock" && world.startCount == 0, "seed \(seed)")

            let site = world.site
            let told = try await world.settler(clockProblem: { site.usageExports.isEmpty ? nil : wrong })
                .settleByHand(id, ExportRequest(isByHand: true))
            #expect(told.problem?.code == "wrong_clock" && world.startCount == 1, "seed \(seed)")
            #expect(told.settledThrough == nil && world.exportFiles == ["\(id).json"], "seed \(seed)")

            let settled = try await world.settle()
            #expect(settled.problem == nil, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<6)
    func `credits by feature equal the truth to the thousandth, reconciled before or not`(_ round: UInt64) async throws
    {
        let seed = TestSeed.of(round: round)
        try await run(seed: seed) { world in
            let id = world.connectionIDs[0]
            if round % 2 == 0 {
                try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            }
            let settler = world.settler()
            let report = try await settler.settleByHand(id, ExportRequest(isByHand: true))
            #expect(report.problem == nil && report.settledThrough == ExportRunTests.lastDay, "seed \(seed)")
            // 34 days are two exports.
            #expect(report.exports.count == 2 && world.startCount == 2, "seed \(seed)")
            #expect(report.exports.flatMap(\.settlement.files).count > 3, "seed \(seed)")
            #expect(await settler.lastReport(of: id)?.report.exports.count == 2)
            #expect(await settler.progress(of: id) == nil)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
            #expect(world.exportFiles == ["\(id).json"])
            #expect(world.site.callCount("/me/collaborations") == 1)

            let before = world.log.entries.count
            world.site.resetCalls()
            let again = try await world.settle()
            #expect(again.exports.isEmpty && again.problem == nil && world.site.callCount == 0, "seed \(seed)")
            #expect(world.log.entries.count == before, "seed \(seed)")
        }
    }

    @Test func `a corrected export of the next day changes exactly what it corrects`() async throws {
        let seed = TestSeed.of(round: 20)
        try await run(seed: seed, site: { $0.correctsExportsAfter = Timestamp("2026-12-07T00:00:00Z") }) { world in
            try await world.settle()
            let before = world.log.snapshot
            // Days that are corrected no longer are settled again only where they are asked for.
            world.site.advance(to: Timestamp("2026-12-07T08:00:00Z")!)
            let daily = try await world.settle()
            #expect(daily.exports.map(\.days) == [Day("2026-12-03")!...Day("2026-12-06")!])
            world.expectSettled(through: Day("2026-12-06")!, "seed \(seed)")
            let days = world.site.history.options.firstDay...Day("2026-11-20")!
            let report = try await world.settle(days: days)
            #expect(report.exports.map(\.days) == [days])
            world.expectSettled(through: Day("2026-12-06")!, correctedShare: 0.1, "seed \(seed)")
            let rows = report.exports[0].settlement.files
            let corrected = rows.reduce(0) { $0 + $1.corrected }
            #expect(corrected > 0 && rows.reduce(0) { $0 + $1.settled } == 0)
            let column = UsageTable.coverage.column("corrections")
            #expect(world.log.snapshot[.coverage].reduce(0) { $0 + $1.tally[column] } == corrected, "seed \(seed)")
            #expect(before[.coverage].reduce(0) { $0 + $1.tally[column] } == 0)
        }
    }

    @Test(arguments: 0..<3)
    func `cut anywhere and taken up, the end is the same, with the same exports`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: 30 + round)
        var random = SeededGenerator(seed: seed)
        try await run(seed: seed) { world in
            let id = world.connectionIDs[0]
            var cuts = 0
            for _ in 0..<400 {
                let left = Allowance(Int.random(in: 0..<25, using: &random))
                let (log, site) = (world.log, world.site)
                let settler = world.settler(
                    append: { entries in
                        for entry in entries {
                            guard left.take() else { throw CancellationError() }
                            try log.append([entry])
                        }
                    },
                    sleep: { duration in
                        guard left.take() else { throw CancellationError() }
                        site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                    }
                )
                do {
                    let report = try await settler.settleByHand(id, ExportRequest(isByHand: true))
                    #expect(report.problem == nil, "seed \(seed): \(String(describing: report.problem))")
                    break
                } catch is CancellationError {
                    cuts += 1
                }
            }
            #expect(cuts > 3, "seed \(seed)")
            #expect(world.startCount == 2, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
            #expect(world.exportFiles == ["\(id).json"])
            let rows = world.log.entries.filter { $0.source == .export }.map(\.body)
            #expect(Set(rows).count == rows.count, "seed \(seed): a row was added twice")
        }
    }

    @Test func `cut after the start, the look and a part of the files, the rest is downloaded alone`() async throws {
        let seed = TestSeed.of(round: 40)
        try await run(seed: seed, site: { $0.exportLooks = 0 }) { world in
            let id = world.connectionIDs[0]
            let site = world.site
            let never: @Sendable (Duration) async throws -> Void = { _ in throw CancellationError() }
            // The first wait is the one after the starts.
            await #expect(throws: CancellationError.self) {
                try await world.settler(sleep: never).settleByHand(id, ExportRequest(isByHand: true))
            }
            #expect(world.startCount == 2 && world.lookCount == 0)
            let ids = site.usageExports.map(\.id)
            site.advance(to: site.now.adding(seconds: 60))
            // All files of one export come, and its first rows are the end.
            let settled = Allowance(0)
            await #expect(throws: CancellationError.self) {
                try await world.settler(
                    append: { _ in
                        settled.add(1)
                        throw CancellationError()
                    },
                    sleep: never
                ).settleByHand(id, ExportRequest(isByHand: true))
            }
            #expect(world.lookCount == 1 && settled.value == 1)
            let downloads = site.callCount("download")
            #expect(downloads > 0 && world.exportFiles.count == downloads + 1)
            // What lies there is settled without another look or download.
            await #expect(throws: CancellationError.self) {
                try await world.settler(sleep: never).settleByHand(id, ExportRequest(isByHand: true))
            }
            #expect(world.lookCount == 1 && site.callCount("download") == downloads)
            #expect(world.exportFiles == ["\(id).json"])
            try await world.settle()
            #expect(world.startCount == 2 && site.usageExports.map(\.id) == ids)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `downloads that break off and files that are half are fetched again, and nothing is half applied`()
        async throws
    {
        let seed = TestSeed.of(round: 50)
        try await run(seed: seed) { world in
            world.site.setFaults { faults in
                faults.cutDownloads = 2
                faults.truncatedDownloads = 2
            }
            let report = try await world.settle()
            #expect(report.problem == nil && report.failures.isEmpty, "\(String(describing: report.problem))")
            #expect(world.site.faults.cutDownloads == 0 && world.site.faults.truncatedDownloads == 0)
            #expect(world.startCount == 2)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
            #expect(world.exportFiles.count == 1)
        }
    }

    @Test func `an address that has expired is looked up again`() async throws {
        let seed = TestSeed.of(round: 55)
        try await run(seed: seed, site: { $0.exportAddressSeconds = 300 }) { world in
            // The first download breaks off, and the next try comes too late.
            world.site.setFaults { $0.cutDownloads = 1 }
            let site = world.site
            let settler = world.settler(sleep: { duration in
                site.advance(to: site.now.adding(seconds: max(400, duration / .seconds(1))))
            })
            let report = try await settler.settleByHand(world.connectionIDs[0], ExportRequest(isByHand: true))
            #expect(report.problem == nil)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a failed export and one that CircleCI forgot are started again`() async throws {
        let seed = TestSeed.of(round: 60)
        try await run(seed: seed) { world in
            let site = world.site
            site.setFaults { $0.failingExports = 1 }
            // The second export is forgotten once both are under way.
            let isForgotten = Mutex(false)
            let settler = world.settler(sleep: { duration in
                if isForgotten.withLock({ was in
                    defer { was = true }
                    return !was
                }) {
                    site.forgetUsageExports(after: 1)
                }
                site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
            })
            let report = try await settler.settleByHand(world.connectionIDs[0], ExportRequest(isByHand: true))
            #expect(report.problem == nil)
            #expect(
                Set(report.failures.map(\.reason)) == [
                    "The query took too long", "CircleCI does not know the export any more",
                ]
            )
            #expect(world.startCount > 3)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `exports that always fail are tried three times, said, and tried again the next day`() async throws {
        let seed = TestSeed.of(round: 61)
        try await run(seed: seed) { world in
            world.site.setFaults { $0.failingExports = 1000 }
            let days = Day("2026-11-03")!...Day("2026-11-03")!
            let settler = world.settler()
            let report = try await settler.settleByHand(
                world.connectionIDs[0],
                ExportRequest(days: days, isByHand: true)
            )
            #expect(report.problem?.code == "export_failed")
            #expect(report.problem?.message.contains("The query took too long") == true)
            #expect(report.failures.count == 3 && world.startCount == 3)
            #expect(world.log.count(.export) == 0)
            // The schedule lets them be today.
            let scheduled = try await world.settler(sleep: { _ in throw CancellationError() })
                .settleByHand(world.connectionIDs[0], ExportRequest(days: days))
            #expect(scheduled.problem?.code == "export_failed" && world.startCount == 3)
            world.site.setFaults { $0.failingExports = 0 }
            world.site.advance(to: world.site.now.adding(seconds: 86_400))
            let next = try await world.settler().settleByHand(world.connectionIDs[0], ExportRequest(days: days))
            #expect(next.problem == nil && next.exports.count == 1 && world.startCount == 4)
        }
    }

    @Test func `an organization without usage exports is asked once a day, and said`() async throws {
        let seed = TestSeed.of(round: 62)
        try await run(seed: seed, site: { $0.hasUsageExports = false }) { world in
            let id = world.connectionIDs[0]
            for _ in 0..<3 {
                let report = try await world.settler().settleByHand(id, ExportRequest())
                #expect(report.problem?.code == "not_found")
                #expect(report.problem?.message.contains("no usage export") == true)
            }
            #expect(world.startCount == 1)
            world.site.advance(to: world.site.now.adding(seconds: 86_400))
            _ = try await world.settler().settleByHand(id, ExportRequest())
            #expect(world.startCount == 2)
            // Somebody who asks gets a new answer at once.
            try await world.settle()
            #expect(world.startCount == 3)
            #expect(await world.monitor.condition(of: id)?.state == .connected)
        }
    }

    @Test func `an empty export closes its days with no rows, with a file and without`() async throws {
        for hasFile in [true, false] {
            let history = ExportRunTests.history(seed: 7, days: 1, pipelinesPerDay: 1)
            var site = FakeSiteOptions(seed: 7)
            site.emptyExportsHaveFile = hasFile
            try await ReconcileWorld.run(history, site: site) { world in
                world.site.advance(to: Timestamp("2027-03-01T08:00:00Z")!)
                let days = Day("2027-02-01")!...Day("2027-02-10")!
                let report = try await world.settle(days: days)
                #expect(report.problem == nil && report.exports.map(\.days) == [days])
                #expect(report.exports[0].settlement.files.count == (hasFile ? 1 : 0))
                #expect(Set(try await world.log.settledDays(of: world.connectionIDs[0]).keys) == Set(days.all))
                #expect(world.log.count(.export) == 0)
            }
        }
    }

    @Test(arguments: [false, true])
    func `an export without rows closes nothing where runs are known, and what comes later is settled`(
        hasFiles: Bool
    ) async throws {
        let seed = TestSeed.of(round: 8)
        try await run(seed: seed) { world in
            world.site.setFaults { ($0.exportsWithoutFiles, $0.exportsWithoutRows) = (!hasFiles, hasFiles) }
            let id = world.connectionIDs[0]
            let report = try await world.settler().settleByHand(id, ExportRequest(isByHand: true))
            #expect(report.problem?.code == "export_failed")
            #expect(report.failures.contains { $0.reason.contains("no row of") })
            let known = Set(try await world.log.runCounts(of: id).filter { $0.value > 0 }.keys)
            let settled = Set(try await world.log.settledDays(of: id).keys)
            #expect(!known.isEmpty && known.isDisjoint(with: settled))
            world.site.setFaults { ($0.exportsWithoutFiles, $0.exportsWithoutRows) = (false, false) }
            let later = try await world.settle()
            #expect(later.problem == nil, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a start that is refused holds further starts alone: what is under way is settled`() async throws {
        let seed = TestSeed.of(round: 9)
        try await run(seed: seed) { world in
            world.site.setFaults { $0.maximumExports = 1 }
            let id = world.connectionIDs[0]
            let report = try await world.settler().settleByHand(id, ExportRequest())
            #expect(report.problem?.code == "refused" && report.isRefused, "seed \(seed)")
            #expect(report.exports.count == 1 && world.startCount == 2, "seed \(seed)")
            world.site.resetCalls()
            let again = try await world.settler().settleByHand(id, ExportRequest())
            #expect(again.problem != nil && world.site.callCount == 0, "seed \(seed)")
            world.site.setFaults { $0.maximumExports = .max }
            let settled = try await world.settle()
            #expect(settled.problem == nil, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a clock that is set back while an export is waited for holds nothing up`() async throws {
        let seed = TestSeed.of(round: 12)
        try await run(seed: seed) { world in
            let (site, begin) = (world.site, world.site.now)
            let aheadSeconds = Mutex(6 * 3600.0)
            let settler = world.settler(
                sleep: { duration in
                    aheadSeconds.withLock { $0 = 0 }
                    site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                },
                now: { site.now.adding(seconds: aheadSeconds.withLock { $0 }) }
            )
            let report = try await settler.settleByHand(world.connectionIDs[0], ExportRequest(isByHand: true))
            #expect(report.problem == nil, "seed \(seed)")
            #expect(site.now.seconds(since: begin) < 2 * 3600, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a start that the edge network refuses is no refusal of CircleCI`() async throws {
        let seed = TestSeed.of(round: 11)
        try await run(seed: seed) { world in
            // The organization's id is asked for first.
            world.site.setFaults { $0.maximumExports = 0 }
            try await world.settle()
            world.site.setFaults { ($0.maximumExports, $0.edgeRefusals) = (.max, 1) }
            let refused = try await world.settle()
            #expect(refused.problem?.code == "forbidden" && !refused.isRefused, "seed \(seed)")
            world.site.setFaults { $0.edgeRefusals = 0 }
            let settled = try await world.settler().settleByHand(world.connectionIDs[0], ExportRequest())
            #expect(settled.problem == nil, "seed \(seed)")
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `starts whose answers get lost are not repeated without end`() async throws {
        let seed = TestSeed.of(round: 10)
        try await run(seed: seed) { world in
            world.site.setFaults { $0.losesExportStarts = true }
            let id = world.connectionIDs[0]
            let end = world.site.now.adding(seconds: 18 * 3600)
            while world.site.now < end {
                _ = try await world.settler().settleByHand(id, ExportRequest())
                world.site.advance(to: world.site.now.adding(seconds: 3600))
            }
            #expect(world.site.usageExports.count <= 20, "seed \(seed): \(world.site.usageExports.count)")
            world.site.setFaults { $0.losesExportStarts = false }
            let settled = try await world.settle()
            #expect(settled.problem == nil, "seed \(seed)")
            #expect(settled.settledThrough == ExportRunTests.lastDay.advanced(by: 1), "seed \(seed)")
        }
    }

    @Test func `what is refused for its rate is asked again when CircleCI says, and no export is lost`() async throws {
        let seed = TestSeed.of(round: 63)
        try await run(seed: seed) { world in
            let site = world.site
            let id = world.connectionIDs[0]
            // Somebody else has used up the hour's calls of the organization.
            let client = try world.clients.client(Secret(Array(ReconcileWorld.key.utf8)))
            let organization = site.history.organizations[0].projects[0].organizationID
            let elsewhere = ExportRunTests.lastDay.start
            for _ in 0..<10 {
                _ = try await client.startUsageExport(
                    organizationID: organization,
                    start: elsewhere,
                    end: elsewhere.adding(seconds: 10)
                )
            }
            let other = site.usageExports[0].id
            for _ in 0..<10 { _ = try await client.usageExport(organizationID: organization, id: other) }
            site.resetCalls()
            let startedAt = site.now
            let report = try await world.settle()
            #expect(report.problem == nil, "\(String(describing: report.problem))")
            #expect(site.calls[FakeCall("POST", "/organizations/{org_id}/usage_export_job", 429)] == 1)
            #expect(site.usageExports.suffix(2).allSatisfy { $0.startedAt.seconds(since: startedAt) >= 3600 })
            // The limit of exports holds nothing else back, and says nothing of the connection.
            _ = try await client.me()
            #expect(await world.monitor.condition(of: id)?.state == .connected)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a dead key is said once, and nothing more is asked`() async throws {
        let seed = TestSeed.of(round: 64)
        try await run(seed: seed) { world in
            let id = world.connectionIDs[0]
            let site = world.site
            let isRevoked = Mutex(false)
            // It dies while an export is under way.
            let settler = world.settler(sleep: { duration in
                if isRevoked.withLock({ was in
                    defer { was = true }
                    return !was
                }) {
                    site.revoke(ReconcileWorld.key)
                }
                site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
            })
            let report = try await settler.settleByHand(id, ExportRequest(isByHand: true))
            #expect(report.exports.isEmpty && report.problem != nil)
            _ = try? await settler.settleByHand(id, ExportRequest(isByHand: true))
            #expect(await world.monitor.condition(of: id)?.state == .reconnectRequired)
            site.resetCalls()
            for _ in 0..<5 {
                let error = await expectError(.reconnectRequired) { try await world.settle() }
                #expect(error?.location == id)
            }
            #expect(site.callCount == 0)
            // With a new key it goes on where it was.
            site.addKey("another-key", login: "dev-1")
            try await world.store.update(id) { $0.apiKey = Secret(Array("another-key".utf8)) }
            await world.monitor.observe([.keyReplaced(expires: nil), .keyAccepted], of: id)
            let starts = site.usageExports.count
            let resumed = try await world.settle()
            #expect(resumed.problem == nil && site.usageExports.count == starts)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test(arguments: ["server errors", "dropped connections", "html answers", "edge refusals"])
    func `calls that fail now and then change nothing in the end`(_ fault: String) async throws {
        let seed = TestSeed.of(round: 65)
        try await run(seed: seed) { world in
            world.site.setFaults { faults in
                switch fault {
                case "server errors": faults.serverErrors = 0.3
                case "dropped connections": faults.droppedConnections = 0.3
                case "edge refusals": faults.edgeRefusals = 0.3
                default: faults.htmlAnswers = 0.2
                }
            }
            var report = try await world.settle()
            for _ in 0..<72 where report.problem != nil {
                world.site.advance(to: world.site.now.adding(seconds: 3600))
                report = try await world.settle()
            }
            #expect(report.problem == nil, "seed \(seed): \(String(describing: report.problem))")
            #expect(await world.monitor.condition(of: world.connectionIDs[0])?.state != .reconnectRequired)
            world.expectSettled(through: ExportRunTests.lastDay, "seed \(seed)")
        }
    }

    @Test func `a dry run says what would be started, and asks nothing`() async throws {
        let seed = TestSeed.of(round: 66)
        try await run(seed: seed) { world in
            let id = world.connectionIDs[0]
            let outlook = try await world.settler().outlook(id, ExportRequest(isByHand: true))
            #expect(
                outlook.slices == [Day("2026-11-05")!...Day("2026-12-05")!, Day("2026-11-02")!...Day("2026-11-04")!]
            )
            #expect(outlook.underWay.isEmpty && world.site.callCount == 0 && world.exportFiles.isEmpty)
            _ = try? await world.settler(sleep: { _ in throw CancellationError() })
                .settleByHand(id, ExportRequest(isByHand: true))
            let next = try await world.settler().outlook(id, ExportRequest(isByHand: true))
            #expect(next.slices.isEmpty && next.underWay.map(\.days) == outlook.slices)
        }
    }
}
