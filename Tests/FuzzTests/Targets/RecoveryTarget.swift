import Dispatch
import Wire

@testable import EventLog

/// Opening a log that was changed in any way loses no record that still reads well, invents none, and takes no byte
/// away that it does not keep aside; opening it again finds nothing more to do.
///
/// The input is a byte that says what log there was, two that say where it is changed, and what is written there. See
/// ``ChangedLog``.
enum RecoveryTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        guard let log = ChangedLog(bytes) else { return }
        let fileSystem = MemoryFileSystem()
        _ = try fileSystem.makeDirectory(LogAtHand.path)
        for (segment, bytes) in log.segments { fileSystem.put(bytes, at: LogAtHand.path(segment)) }
        let before = fileSystem.files
        let expected = log.readableLines()
        guard let first = try LogAtHand.open(fileSystem) else {
            return try require(fileSystem.files == before, "a log of another version was changed")
        }
        let between = fileSystem.files
        try checkFiles(before, between)
        let delivered = try LogAtHand.lines(fileSystem, before)
        for (sequence, line) in expected {
            try require(delivered[sequence] == line, "record \(sequence) is lost")
        }
        guard let second = try LogAtHand.open(fileSystem) else { throw Finding(description: "cannot be opened again") }
        try require(second.recovery.tornTail == nil, "a torn tail is found again")
        try require(second.damages == first.damages, "other damages when opened again: \(first) and then \(second)")
        try require(second.end == first.end, "another end when opened again: \(first) and then \(second)")
        try require(fileSystem.files == between, "opening it again changed a file")
        try require(fileSystem.openCount == 0, "\(fileSystem.openCount) files stay open")
    }

    /// No file has lost bytes but a segment its end, which is kept aside.
    private static func checkFiles(_ before: [String: [UInt8]], _ after: [String: [UInt8]]) throws(Finding) {
        for (path, bytes) in before {
            guard let left = after[path] else { throw Finding(description: "\(path) is gone") }
            if left == bytes { continue }
            let cut = Array(bytes.dropFirst(left.count))
            // A segment without a record is begun again once its bytes are aside.
            let aside = after.filter { $0.key.hasSuffix(".torn") }.values
            try require(aside.contains { bytes.suffix($0.count) == $0[...] }, "bytes of \(path) are gone")
            if bytes.starts(with: left) { try require(aside.contains(cut), "not all that was cut is kept") }
        }
    }
}

/// A log in memory, opened and read.
private enum LogAtHand {
    static let path = "/log"

    static func path(_ segment: Int) -> String { "\(path)/\(LogDirectory.name(ofSegment: segment))" }

    struct Opened: CustomStringConvertible {
        let recovery: RecoveryReport
        let end: LogPosition

        /// What of the damages does not depend on what stands behind them.
        var damages: [[Int]] { recovery.damages.map { [$0.segment, $0.line, $0.offset, $0.byteCount] } }

        var description: String { "\(recovery), end \(end)" }
    }

    /// Opens the log and closes it; nil where it is of another version.
    static func open(_ fileSystem: MemoryFileSystem) throws -> Opened? {
        do throws(LogError) {
            let log = try EventLog.open(
                directory: path,
                fileSystem: fileSystem,
                now: { ChangedLog.time },
                deduplicationKey: { record in record.withBody { Identity.of($0) } }
            )
            log.committer.thread.sync { log.committer.close() }
            var end = log.durableEnd
            // Behind a damaged end it is any number that is free.
            end.batch = 0
            return Opened(recovery: log.recovery, end: end)
        } catch {
            try require(error.code == .unsupportedVersion, "cannot be opened: \(error)")
            return nil
        }
    }

    /// The lines that a reader delivers, by sequence. Each stood in the files.
    static func lines(_ fileSystem: MemoryFileSystem, _ before: [String: [UInt8]]) throws -> [Int: [UInt8]] {
        var lines: [Int: [UInt8]] = [:]
        try LogReader(directory: path, fileSystem: fileSystem).read(after: nil) { item in
            guard case .record(let record) = item else { return true }
            let line = Array(record.line)
            let file = before[path(record.position.segment)] ?? []
            try require(
                file.dropFirst(record.offset).starts(with: line),
                "record \(record.sequence) stood nowhere"
            )
            let isNew = lines.updateValue(line, forKey: record.sequence) == nil
            try require(isNew, "record \(record.sequence) comes twice")
            return true
        }
        return lines
    }
}
