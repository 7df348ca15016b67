import FakeCircleCI
import Usage
import Wire

@testable import CircleCI

/// A usage export reads the same however its bytes come, compressed or not; and each row that is taken becomes an event
/// that is JSON on one line and says the row's job.
///
/// The input is a byte that says how the bytes come, and the file. With 8 in that byte the file has no header.
enum UsageExportTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        guard let choice = bytes.first else { return }
        var file = Array(bytes.dropFirst())
        if choice & 8 != 0 { file = Array((header + "\n").utf8) + file }
        let chunk = Int(choice & 7) + 1
        let whole = rows(file, chunk: file.count + 1, bufferBytes: 1 << 14)
        let pieces = rows(file, chunk: chunk, bufferBytes: 16)
        if file.starts(with: [0x1f, 0x8b]) {
            // How far a damaged file can be read depends on how much of it is decompressed at a time.
            try require(pieces.error?.code == whole.error?.code, "another error in pieces of \(chunk) bytes")
            try require(
                pieces.rows.starts(with: whole.rows) || whole.rows.starts(with: pieces.rows),
                "other rows in pieces of \(chunk) bytes"
            )
            return
        }
        try require(pieces == whole, "other rows in pieces of \(chunk) bytes")
        let compressed = rows(GzipWriter.compressed(file), chunk: chunk + 40, bufferBytes: 64)
        try require(compressed == whole, "other rows when compressed")
        let events = try events(file, chunk: file.count + 1)
        try require(try self.events(file, chunk: chunk) == events, "other events in pieces of \(chunk) bytes")
    }

    private static let header = FakeUsageExport.columns.joined(separator: ",")

    /// The rows, and what the last one failed with.
    private struct Rows: Equatable {
        var rows: [[[UInt8]?]] = []
        var lines: [Int] = []
        var error: UsageExportError?
    }

    private static func source(_ file: [UInt8], chunk: Int) -> (UnsafeMutableRawBufferPointer) -> Int {
        var rest = file[...]
        return { buffer in
            let count = min(chunk, buffer.count, rest.count)
            buffer.copyBytes(from: rest.prefix(count))
            rest = rest.dropFirst(count)
            return count
        }
    }

    private static func rows(_ file: [UInt8], chunk: Int, bufferBytes: Int) -> Rows {
        var result = Rows()
        let table = ExportTable(
            ExportInput(name: "file", read: source(file, chunk: chunk)),
            name: "file",
            initialBytes: bufferBytes
        )
        do throws(UsageExportError) {
            while try table.next() {
                result.rows.append(table.fields.map { $0.isNull ? nil : Array(table.bytes($0)) })
                result.lines.append(table.line)
            }
        } catch {
            result.error = error
        }
        return result
    }

    private static func events(_ file: [UInt8], chunk: Int) throws -> [[UInt8]] {
        var events: [[UInt8]] = []
        do {
            let reader = try UsageExportReader(name: "file", bufferBytes: 64, read: source(file, chunk: chunk))
            while try reader.next() {
                let event = SettlementEvent(reader, exportedAt: Timestamp(microseconds: 0))
                events.append(event.body + Array(reader.jobID.utf8))
                try check(event.body, reader)
            }
        } catch let error as UsageExportError {
            events.append(Array(error.description.utf8))
        }
        return events
    }

    private static func check(_ body: [UInt8], _ reader: UsageExportReader) throws(Finding) {
        try require(!body.contains(0x0a) && !body.contains(0x0d), "an event on two lines")
        let (kind, job) = body.withUnsafeBytes { body in
            let event = try? EventScanner.event(in: body)
            return (event?.kind, event?.job.id?.identity(in: body))
        }
        try require(kind == .jobSettled, "an event that is not read as one")
        try require(job == reader.job, "an event of another job")
    }
}
