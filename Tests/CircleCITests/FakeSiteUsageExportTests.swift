import CircleCI
import FakeCircleCI
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import Wire

/// Usage exports of a site: started, looked at, downloaded.
struct FakeSiteUsageExportTests {
    private static let day = 86_400_000_000 as Int64

    private func run(
        _ change: (inout FakeSiteOptions) -> Void = { _ in },
        _ body: (FakeSiteClient, _ path: String) async throws -> Void
    ) async throws {
        let history = try FakeSiteTests.history(seed: 71, rate: 0)
        try await FakeSiteClient.run(history, change) { client in
            client.site.advance(to: Timestamp(microseconds: history.end.microseconds + 40 * Self.day))
            try await body(client, "/organizations/\(history.projects[0].organizationID)/usage_export_job")
        }
    }

    /// What starts an export of so many days, from the first of the history.
    private func order(_ client: FakeSiteClient, days: Int32 = 7) -> [String: Any] {
        let first = client.site.history.options.firstDay
        let end = Timestamp(
            microseconds: (Int64(first.daysSinceEpoch) + Int64(days)) * Self.day - 1000
        )
        return ["start": "\(first)T00:00:00Z", "end": end.description]
    }

    private func addresses(_ answer: FakeSiteClient.Answer) -> [String] {
        answer.object["download_urls"] as? [String] ?? []
    }

    @Test func `an export is processed, completed, and its files hold every row`() async throws {
        try await run({ $0.exportRowsPerFile = 10 }) { client, path in
            let started = try await client.ask(path, .POST, body: order(client))
            #expect(started.status == 201 && started.object["state"] as? String == "created")
            let id = try #require(started.object["usage_export_job_id"] as? String)
            for _ in 0..<client.site.options.exportLooks {
                let look = try await client.ask("\(path)/\(id)")
                #expect(look.object["state"] as? String == "processing" && addresses(look).isEmpty)
            }
            let done = try await client.ask("\(path)/\(id)")
            #expect(done.object["state"] as? String == "completed")
            // As CircleCI writes an ampersand.
            #expect(done.text.contains("\\u0026X-Amz-Signature=") && !done.text.contains("&"))
            var rows = 0
            for address in addresses(done) {
                let file = try await client.ask(address)
                let reader = try Self.reader(file.body)
                while try reader.next() { rows += 1 }
            }
            #expect(addresses(done).count > 2)
            #expect(rows == client.site.history.usages(on: client.site.usageExports[0].days).count)
        }
    }

    @Test func `an address works for a while, with its own signature, and without a key`() async throws {
        try await run({ $0.exportLooks = 0 }) { client, path in
            let started = try await client.ask(path, .POST, body: order(client))
            let id = try #require(started.object["usage_export_job_id"] as? String)
            let address = try #require(addresses(try await client.ask("\(path)/\(id)")).first)
            #expect(try await client.ask(address, headers: [:]).status == 200)
            #expect(try await client.ask(String(address.dropLast()) + "x", headers: [:]).status == 403)
            client.site.advance(to: Timestamp(microseconds: client.site.now.microseconds + 3_601_000_000))
            #expect(try await client.ask(address, headers: [:]).status == 403)
            let fresh = try #require(addresses(try await client.ask("\(path)/\(id)")).first)
            #expect(fresh != address && fresh.prefix { $0 != "?" } == address.prefix { $0 != "?" })
            #expect(UsageExportDownload(url: fresh).name == UsageExportDownload(url: address).name)
            #expect(try await client.ask(fresh, headers: [:]).status == 200)
        }
    }

    @Test func `ten starts and ten looks an hour, and no more`() async throws {
        try await run { client, path in
            var statuses: [Int] = []
            var id = ""
            for _ in 0..<11 {
                let started = try await client.ask(path, .POST, body: order(client))
                statuses.append(started.status)
                id = started.object["usage_export_job_id"] as? String ?? id
            }
            #expect(statuses == [Int](repeating: 201, count: 10) + [429])
            statuses = []
            for _ in 0..<11 { statuses.append(try await client.ask("\(path)/\(id)").status) }
            #expect(statuses == [Int](repeating: 200, count: 10) + [429])
            client.site.advance(to: Timestamp(microseconds: client.site.now.microseconds + 3_600_000_000))
            #expect(try await client.ask(path, .POST, body: order(client)).status == 201)
        }
    }

    @Test func `what CircleCI would refuse is refused`() async throws {
        try await run { client, path in
            let unknown = "/organizations/00000000-0000-4000-8000-000000000000/usage_export_job"
            #expect(try await client.ask(unknown, .POST, body: order(client)).status == 404)
            #expect(try await client.ask(path, .POST, body: order(client, days: 32)).status == 400)
            var future = order(client)
            future["end"] = Timestamp(microseconds: client.site.now.microseconds + 1_000_000).description
            #expect(try await client.ask(path, .POST, body: future).status == 400)
            let started = try await client.ask(path, .POST, body: order(client))
            let id = try #require(started.object["usage_export_job_id"] as? String)
            #expect(try await client.ask("\(path)/\(id)x").status == 404)
            client.site.forgetUsageExports()
            #expect(try await client.ask("\(path)/\(id)").status == 404)
            client.site.revoke(FakeSiteClient.key)
            #expect(try await client.ask(path, .POST, body: order(client)).status == 404)
        }
        try await run({ $0.hasUsageExports = false }) { client, path async throws in
            #expect(try await client.ask(path, .POST, body: order(client)).status == 404)
        }
    }

    @Test func `exports fail, are empty, and are corrected, as told`() async throws {
        let later = Timestamp("2030-01-01T00:00:00Z")!
        try await run({ options in
            options.exportLooks = 0
            options.faults.failingExports = 1
            options.correctsExportsAfter = later
        }) { client, path in
            let failing = try await client.ask(path, .POST, body: order(client))
            let id = try #require(failing.object["usage_export_job_id"] as? String)
            let failed = try await client.ask("\(path)/\(id)")
            #expect(failed.object["state"] as? String == "failed" && addresses(failed).isEmpty)
            #expect(failed.object["error_reason"] as? String == "The query took too long")
            let first = try await file(of: order(client), client, path)
            client.site.advance(to: Timestamp(microseconds: client.site.now.microseconds + 3_600_000_000))
            #expect(try await file(of: order(client), client, path) == first)
            let empty = try await file(
                of: ["start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"],
                client,
                path
            )
            #expect(empty.split(separator: "\n").count == 1)
        }
    }

    private func file(of order: [String: Any], _ client: FakeSiteClient, _ path: String) async throws -> String {
        let started = try await client.ask(path, .POST, body: order)
        let id = try #require(started.object["usage_export_job_id"] as? String)
        let address = try #require(addresses(try await client.ask("\(path)/\(id)")).first)
        let reader = try Self.reader(try await client.ask(address).body)
        var text = "header\n"
        while try reader.next() { text += "\(reader.jobID) \(reader.totalCredits)\n" }
        return text
    }

    private static func reader(_ bytes: Data) throws -> UsageExportReader {
        var rest = bytes
        return try UsageExportReader(name: "file") { buffer in
            let chunk = rest.prefix(buffer.count)
            chunk.copyBytes(to: buffer)
            rest = rest.dropFirst(chunk.count)
            return chunk.count
        }
    }
}
