import Foundation
import Meter
import Testing

/// Sealed segments that the service or a command compresses.
struct LogCompressionTests {
    @Test(.timeLimit(.minutes(2)))
    func `a service compresses what is sealed when it starts, keeps commands off, and stops when it is told to`()
        async throws
    {
        let log = try await SegmentedLog()
        let service = try log.serve("--log-compression", "sealed")
        // Started, and through with its pass.
        while !(try FileManager.default.contentsOfDirectory(atPath: log.data.log).filter { $0.hasSuffix(".zst") }.count
            == log.written.count - 1)
        {
            _ = try await service.line(after: "")
        }
        for command in ["compress", "expand"] {
            let refused = try await log.run("log", command)
            #expect(refused.status == 1 && refused.output.contains("a service is running"), "\(refused.output)")
        }
        service.send(SIGTERM)
        let status = await service.status()
        let output = await service.output()
        #expect(status == 0, "\(output)")
        let verified = try await log.run("log", "verify")
        #expect(verified.status == 0 && verified.output.contains("intact"), "\(verified.output)")
        #expect(try await log.run("log", "expand").status == 0)
        let after = try log.files()
        for (name, bytes) in log.written where after[name] != bytes {
            // The service writes on in the last one.
            #expect(name == log.written.keys.max() && after[name]?.starts(with: bytes) == true, "\(name)")
        }
        #expect(after.keys.sorted() == log.written.keys.sorted())
    }

    @Test func `compressed by command and expanded again it is the same log, and a damaged segment stays`() async throws
    {
        let log = try await SegmentedLog()
        let count = log.written.count
        let compressed = try await log.run("log", "compress", "--json")
        #expect(compressed.status == 0, "\(compressed.output)")
        #expect(compressed.output.contains("\"segments\":\(count - 1)"), "\(compressed.output)")
        let names = try log.files().keys
        #expect(names.count { $0.hasSuffix(".ndjson.zst") } == count - 1 && names.count == count)
        let stored = try log.files().values.reduce(0) { $0 + $1.count }
        let statistics = try await log.run("log", "stat", "--json")
        #expect(statistics.output.contains("\"stored_bytes\":\(stored)"), "\(statistics.output)")
        #expect(try await log.run("log", "expand").status == 0)
        #expect(try log.files() == log.written)

        let first = try #require(log.written.keys.min())
        try log.damage(first)
        let damaged = try log.files()[first]
        let left = try await log.run("log", "compress")
        #expect(left.status == 1 && left.output.contains("segment 1 is damaged and stays as it is"), "\(left.output)")
        #expect(try log.files()[first] == damaged)
    }
}
