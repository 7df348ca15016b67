import EventLog
import FakeCircleCI
import Foundation
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// A settler that runs as a part of a service, in time that goes as the tests say.
struct ExportScheduleTests {
    private func run(seed: UInt64, _ body: (ReconcileWorld) async throws -> Void) async throws {
        try await ReconcileWorld.run(ExportRunTests.history(seed: seed)) { world in
            world.site.advance(to: ExportRunTests.later)
            try await body(world)
        }
    }

    @Test func `once a day, and the last days again`() async throws {
        try await run(seed: TestSeed.of(round: 1)) { world in
            let site = world.site
            let (ticks, tick) = AsyncStream.makeStream(of: Void.self)
            let (reports, told) = AsyncStream.makeStream(of: ExportReport.self)
            let settler = world.settler(
                sleep: { duration in
                    guard duration == .seconds(3600) else {
                        site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                        return
                    }
                    for await _ in ticks { return }
                    throw CancellationError()
                },
                period: .seconds(86_400),
                exported: { told.yield($0) }
            )
            let task = Task { try await settler.run() }
            var report = reports.makeAsyncIterator()
            let first = try #require(await report.next())
            #expect(first.exports.count == 2 && first.settledThrough == ExportRunTests.lastDay)
            world.expectSettled(through: ExportRunTests.lastDay, "")
            // An hour is not a day: if it were, the next report would be of nothing.
            tick.yield()
            for _ in 0..<100 { await Task.yield() }
            site.advance(to: site.now.adding(seconds: 86_400))
            tick.yield()
            let second = try #require(await report.next())
            #expect(second.exports.map(\.days) == [Day("2026-12-03")!...Day("2026-12-06")!])
            task.cancel()
            try await task.value
        }
    }

    @Test func `who asks by hand takes over what the schedule is at`() async throws {
        try await run(seed: TestSeed.of(round: 2)) { world in
            let site = world.site
            let id = world.connectionIDs[0]
            let isHeld = Mutex(true)
            let (waits, waiting) = AsyncStream.makeStream(of: Void.self)
            let settler = world.settler(
                sleep: { duration in
                    guard duration != .seconds(3600), !isHeld.withLock({ $0 }) else {
                        if duration != .seconds(3600) { waiting.yield() }
                        // Nobody waits for its end but by cancelling.
                        return try await Task.sleep(for: .seconds(86_400))
                    }
                    site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                },
                period: .seconds(86_400)
            )
            let task = Task { try await settler.run() }
            for await _ in waits { break }
            #expect(world.startCount == 2)
            #expect(await settler.progress(of: id)?.phase == .waiting)
            isHeld.withLock { $0 = false }
            let report = try await settler.settleByHand(id, ExportRequest(isByHand: true))
            #expect(report.problem == nil && report.exports.count == 2)
            #expect(world.startCount == 2)
            world.expectSettled(through: ExportRunTests.lastDay, "")
            task.cancel()
            try await task.value
        }
    }

    @Test func `what connections that are no more have left is removed, and nothing else`() async throws {
        try await run(seed: TestSeed.of(round: 3)) { world in
            let id = world.connectionIDs[0]
            try PrivateFile.makeDirectory(world.data.exports)
            try PrivateFile.makeDirectory("\(world.data.exports)/incoming")
            for name in ["gone.json", "gone.00ff.csv", "\(id).00ff.csv.tmp-1", "incoming/a.csv"] {
                try Data("x".utf8).write(to: URL(filePath: "\(world.data.exports)/\(name)"))
            }
            let (reports, told) = AsyncStream.makeStream(of: ExportReport.self)
            let site = world.site
            let settler = world.settler(
                sleep: { duration in
                    if duration == .seconds(3600) { return try await Task.sleep(for: .seconds(86_400)) }
                    site.advance(to: site.now.adding(seconds: duration / .seconds(1)))
                },
                period: .seconds(86_400),
                exported: { told.yield($0) }
            )
            let task = Task { try await settler.run() }
            for await _ in reports { break }
            #expect(world.exportFiles == ["incoming", "\(id).json"].sorted())
            #expect(FileManager.default.fileExists(atPath: "\(world.data.exports)/incoming/a.csv"))
            task.cancel()
            try await task.value
        }
    }

    @Test func `a state that cannot be read is begun anew`() async throws {
        try await run(seed: TestSeed.of(round: 4)) { world in
            try PrivateFile.makeDirectory(world.data.exports)
            let path = "\(world.data.exports)/\(world.connectionIDs[0]).json"
            try Data("{\"organization\":".utf8).write(to: URL(filePath: path))
            let lines = LogLines()
            let report = try await world.settler(logger: lines.logger)
                .settleByHand(world.connectionIDs[0], ExportRequest(isByHand: true))
            #expect(report.problem == nil && report.exports.count == 2)
            #expect(lines.text.contains("begun anew"))
            let status = try FileManager.default.attributesOfItem(atPath: path)
            #expect(status[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func `no signature of an address is in a log line, a file, an answer or an error`() async throws {
        try await run(seed: TestSeed.of(round: 5)) { world in
            let (site, id) = (world.site, world.connectionIDs[0])
            let lines = LogLines()
            let seen = Mutex("")
            func see(_ write: (inout JSONWriter) -> Void) {
                var json = JSONWriter()
                write(&json)
                seen.withLock { $0 += String(decoding: json.bytes, as: UTF8.self) }
            }
            let (log, data) = (world.log, world.data)
            let collectFiles = { @Sendable in
                for case let name as String in FileManager.default.enumerator(atPath: data.path)! {
                    guard let bytes = FileManager.default.contents(atPath: "\(data.path)/\(name)") else { continue }
                    seen.withLock { $0 += name + String(decoding: bytes, as: UTF8.self) }
                }
            }
            site.setFaults { faults in
                faults.cutDownloads = 2
                faults.truncatedDownloads = 1
            }
            let allowed = Allowance(40)
            for _ in 0..<12 {
                let settler = world.settler(
                    append: { entries in
                        collectFiles()
                        for entry in entries {
                            guard allowed.take() else { throw CancellationError() }
                            try log.append([entry])
                        }
                    },
                    sleep: { duration in
                        collectFiles()
                        // So long that addresses expire meanwhile.
                        site.advance(to: site.now.adding(seconds: 4000))
                    },
                    logger: lines.logger
                )
                do {
                    let report = try await settler.settleByHand(id, ExportRequest(isByHand: true)) { step in
                        var json = JSONWriter()
                        step.write(to: &json)
                        seen.withLock { $0 += String(decoding: json.bytes, as: UTF8.self) }
                    }
                    see { report.write(to: &$0) }
                } catch {
                    seen.withLock { $0 += "\(error) \(String(reflecting: error))" }
                    allowed.add(1000)
                }
                let outlook = try await settler.outlook(id, ExportRequest(isByHand: true))
                see { outlook.write(to: &$0) }
            }
            collectFiles()
            seen.withLock { $0 += lines.text }
            for entry in log.entries { seen.withLock { $0 += String(decoding: entry.body, as: UTF8.self) } }
            let text = seen.withLock { $0 }
            let signatures = site.usageExportSignatures
            #expect(signatures.count > 3)
            #expect(text.contains("\"looked_at\"") && text.contains("a usage export was started"))
            for signature in signatures { #expect(!text.contains(signature)) }
            #expect(!text.contains("X-Amz"))
        }
    }
}
