import ArgumentParser
import EventLog
import Meter
import Wire

struct LogCompress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compress",
        abstract: "Compress the log's sealed segments with zstd.",
        discussion: """
            A segment FILE.ndjson becomes FILE.ndjson.zst with the same content, byte for byte: zstdcat FILE.ndjson.zst shows \
            it. The segment that is being written stays plain, and so does a damaged one. Needs the service to be stopped; \
            with --log-compression sealed it does this itself. Interrupted, it goes on from there the next time.
            """
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "The outcome as JSON.")
    var json = false

    func run() async throws {
        try await LogRewriting(data: data, json: json, label: "compressing").run { lock, progress in
            try lock.compressSealed(progress: progress)
        }
    }
}

struct LogExpand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "expand",
        abstract: "Make the log's compressed segments plain files again.",
        discussion: """
            Needs the service to be stopped. A compressed segment that is damaged stays as it is: what can be read of it is \
            read all the same. Interrupted, it goes on from there the next time.
            """
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "The outcome as JSON.")
    var json = false

    func run() async throws {
        try await LogRewriting(data: data, json: json, label: "expanding").run { lock, progress in
            try lock.expand(progress: progress)
        }
    }
}

/// What both commands do around their pass over the log.
private struct LogRewriting {
    let data: DataOptions
    let json: Bool
    let label: String

    func run(
        _ pass: @escaping @Sendable (LogLock, @escaping (LogProgress) -> Bool) throws -> CompressionReport
    ) async throws {
        let directory = try data.existingDirectory()
        let interruption = Interruption()
        defer { interruption.stopWatching() }
        let report: CompressionReport
        do {
            report = try await onOwnThread("circlemeter.log") { [label] in
                let lock = try LogLock.acquire(directory: directory.log)
                defer { lock.release() }
                var bar = ProgressBar(label)
                defer { bar.end() }
                return try pass(lock) { step in
                    bar.update(done: step.doneBytes, total: step.totalBytes)
                    return !interruption.isRequested
                }
            }
        } catch let error as LogError where error.code == .locked {
            throw CommandFailure.found("a service is running on \(directory.path)", hint: "stop it first")
        }
        json ? writeJSON(report) : writeText(report)
        guard report.isComplete else { throw CommandFailure.found("interrupted", hint: "run it again to go on") }
        guard report.leftSegments.isEmpty else { throw ExitCode(1) }
    }

    private func writeText(_ report: CompressionReport) {
        for segment in report.leftSegments {
            Console.error("segment \(segment) is damaged and stays as it is; circlemeter log verify says where")
        }
        Console.output(
            "\(label) done for \(report.segments.count) segments: \(report.byteCount) bytes plain, "
                + "\(report.compressedByteCount) compressed"
        )
    }

    private func writeJSON(_ report: CompressionReport) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("complete", report.isComplete)
            writer.member("segments", report.segments.count)
            writer.member("bytes", report.byteCount)
            writer.member("compressed_bytes", report.compressedByteCount)
            writer.member(
                "left_segments",
                array: { writer in for segment in report.leftSegments { writer.integer(segment) } }
            )
        }
        Console.output(writer.bytes + [UInt8(ascii: "\n")])
    }
}
