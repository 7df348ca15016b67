import EventLog
import Foundation
import TestSupport
import Testing
import Wire

@testable import Meter

/// Sealed segments that the service or a command compresses.
struct LogCompressionTests {
    private let directory = TemporaryDirectory()
    private var data: DataDirectory { DataDirectory(directory.path("data")) }

    /// A log of several segments; their files.
    private func log() async throws -> [String: Data] {
        try data.make()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4_000
        let log = try await onOwnThread("log") { [data, options] in
            try EventLog.open(directory: data.log, options: options, now: { .now }, deduplicationKey: { _ in nil })
        }
        for number in 1...40 {
            let body = #"{"id":"e\#(number)","type":"ping","happened_at":"2026-11-02T08:00:00Z","note":"abc"}"#
            _ = try await log.append(
                LogEntry(receivedAt: .now, source: .webhook, connection: "acme", signature: nil, body: Array(body.utf8))
            )
        }
        await log.close()
        let files = try files()
        try #require(files.count > 2)
        return files
    }

    private func files() throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: data.log).filter { $0.contains(".ndjson") }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: "\(data.log)/\($0)"))) }
        )
    }

    private func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
        try await ChildProcess.run(arguments + ["--data-dir", directory.path("data")])
    }

    @Test(.timeLimit(.minutes(2)))
    func `a service compresses what is sealed when it starts, keeps commands off, and stops when it is told to`()
        async throws
    {
        let plain = try await log()
        let service = try ChildProcess([
            "serve", "--data-dir", directory.path("data"), "--webhook-address", "127.0.0.1:0",
            "--dashboard-address", "127.0.0.1:0", "--reconcile-every", "off", "--settle-every", "off",
            "--log-compression", "sealed",
        ])
        // Started, and through with its pass.
        while !(try FileManager.default.contentsOfDirectory(atPath: data.log).filter { $0.hasSuffix(".zst") }.count
            == plain.count - 1)
        {
            _ = try await service.line(after: "")
        }
        for command in ["compress", "expand"] {
            let refused = try await run("log", command)
            #expect(refused.status == 1 && refused.output.contains("a service is running"), "\(refused.output)")
        }
        service.send(SIGTERM)
        let status = await service.status()
        let output = await service.output()
        #expect(status == 0, "\(output)")
        let verified = try await run("log", "verify")
        #expect(verified.status == 0 && verified.output.contains("intact"), "\(verified.output)")
        #expect(try await run("log", "expand").status == 0)
        let after = try files()
        for (name, bytes) in plain where after[name] != bytes {
            // The service writes on in the last one.
            #expect(name == plain.keys.max() && after[name]?.starts(with: bytes) == true, "\(name)")
        }
        #expect(after.keys.sorted() == plain.keys.sorted())
    }

    @Test func `compressed by command and expanded again it is the same log, and a damaged segment stays`() async throws
    {
        let plain = try await log()
        let compressed = try await run("log", "compress", "--json")
        #expect(compressed.status == 0, "\(compressed.output)")
        #expect(compressed.output.contains("\"segments\":\(plain.count - 1)"), "\(compressed.output)")
        let names = try files().keys
        #expect(names.count { $0.hasSuffix(".ndjson.zst") } == plain.count - 1 && names.count == plain.count)
        let stored = try files().values.reduce(0) { $0 + $1.count }
        let statistics = try await run("log", "stat", "--json")
        #expect(statistics.output.contains("\"stored_bytes\":\(stored)"), "\(statistics.output)")
        #expect(try await run("log", "expand").status == 0)
        #expect(try files() == plain)

        let first = try #require(plain.keys.min())
        var damaged = try #require(plain[first])
        damaged[damaged.count / 2] ^= 1
        try damaged.write(to: URL(filePath: "\(data.log)/\(first)"))
        let left = try await run("log", "compress")
        #expect(left.status == 1 && left.output.contains("segment 1 is damaged and stays as it is"), "\(left.output)")
        #expect(try files()[first] == damaged)
    }
}
