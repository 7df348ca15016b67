import FakeCircleCI
import Foundation
import Wire

/// A usage export as CircleCI makes them.
enum ExportFile {
    /// Writes the export. Blocks.
    static func make(_ path: String, rowCount rows: Int) throws {
        guard let first = Day("2026-08-01") else { return }
        var options = FakeHistoryOptions(seed: 11, firstDay: first)
        options.projectCount = 20
        options.dayCount = 31
        options.pipelinesPerDay = 1 + rows / 100
        let days = first...Day(daysSinceEpoch: first.daysSinceEpoch + 30)
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        let export = FakeUsageExport(FakeHistory(options: options), options: FakeUsageExport.Options(days: days))
        var pending = Data(export.header.utf8)
        var count = 0
        struct Enough: Error {}
        do {
            try export.rows { row in
                pending.append(contentsOf: row.line.utf8)
                count += 1
                if pending.count > 1 << 20 {
                    try handle.write(contentsOf: pending)
                    pending.removeAll(keepingCapacity: true)
                }
                if count == rows { throw Enough() }
            }
        } catch is Enough {}
        try handle.write(contentsOf: pending)
        try handle.close()
        guard count == rows else { throw BenchFailure("the made-up organization has but \(count) job runs") }
    }
}
