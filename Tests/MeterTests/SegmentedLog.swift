import EventLog
import Foundation
import TestSupport
import Testing
import Wire

@testable import Meter

/// A data directory with a log of several segments, for commands that work on its files.
struct SegmentedLog {
    private let directory = TemporaryDirectory()
    let data: DataDirectory
    /// The segments as they were written, by file name.
    let written: [String: Data]

    init() async throws {
        data = DataDirectory(directory.path("data"))
        try data.make()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4_000
        let log = try await onOwnThread("log") { [data, options] in
            try EventLog.open(directory: data.log, options: options, now: { .now }, deduplicationKey: { _ in nil })
        }
        for number in 1...40 {
            let body = """
                {"id":"e\(number)","type":"job-completed","happened_at":"2026-11-02T08:00:09Z","project":{"id":"p","slug":"github/o/r"},\
                "job":{"id":"j\(number)","name":"build","status":"success","started_at":"2026-11-02T08:00:00Z",\
                "stopped_at":"2026-11-02T08:00:09Z"}}
                """
            _ = try await log.append(
                LogEntry(receivedAt: .now, source: .webhook, connection: "acme", signature: nil, body: Array(body.utf8))
            )
        }
        await log.close()
        written = try SegmentedLog.files(data)
        try #require(written.count > 3)
    }

    func files() throws -> [String: Data] { try SegmentedLog.files(data) }

    private static func files(_ data: DataDirectory) throws -> [String: Data] {
        let names = try FileManager.default.contentsOfDirectory(atPath: data.log).filter { $0.contains(".ndjson") }
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: "\(data.log)/\($0)"))) }
        )
    }

    /// Changes a byte in the middle of a segment.
    func damage(_ name: String) throws {
        var bytes = try #require(try files()[name])
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(filePath: "\(data.log)/\(name)"))
    }

    /// A copy of the log, beside it.
    func copy() throws -> String {
        let copy = directory.path("copy")
        try FileManager.default.copyItem(atPath: data.log, toPath: copy)
        return copy
    }

    func run(_ arguments: String...) async throws -> (status: Int32, output: String) {
        try await ChildProcess.run(arguments + ["--data-dir", data.path])
    }

    /// A service on it that does nothing by itself.
    func serve(_ arguments: String...) throws -> ChildProcess {
        try ChildProcess(
            [
                "serve", "--data-dir", data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                "127.0.0.1:0",
                "--reconcile-every", "off", "--settle-every", "off",
            ] + arguments
        )
    }
}
