import ArgumentParser
import EventLog
import Meter
import Wire

struct LogStat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Show the log's segments, records and bytes."
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "As JSON.")
    var json = false

    func run() async throws {
        let directory = try data.existingDirectory()
        let (statistics, counted) = try await onOwnThread("circlemeter.log") {
            (try LogStatistics.read(directory: directory.log), try Replay(directory).publishedPosition()?.sequence)
        }
        if json {
            var writer = JSONWriter()
            writer.object { writer in
                writer.member("records", statistics.recordCount)
                writer.member("bytes", statistics.byteCount)
                writer.member("stored_bytes", statistics.storedByteCount)
                writer.member("counted_sequence", counted)
                writer.member(
                    "segments",
                    array: { writer in
                        for segment in statistics.segments {
                            writer.object { writer in
                                writer.member("first_sequence", segment.segment)
                                writer.member("records", segment.recordCount)
                                writer.member("bytes", segment.byteCount)
                                writer.member("stored_bytes", segment.storedByteCount)
                                writer.member("created_at", segment.createdAt?.description)
                            }
                        }
                    }
                )
            }
            Console.output(writer.bytes + [UInt8(ascii: "\n")])
            return
        }
        for segment in statistics.segments {
            let created = segment.createdAt?.description ?? "unreadable header"
            Console.output(
                "from \(segment.segment): \(segment.recordCount) records, \(segment.byteCount) bytes"
                    + (segment.compressedByteCount.map { " (\($0) compressed)" } ?? "") + ", since \(created)"
            )
        }
        let isCompressed = statistics.storedByteCount != statistics.byteCount
        Console.output(
            "\(statistics.recordCount) records, \(statistics.byteCount) bytes in \(statistics.segments.count) segments"
                + (isCompressed ? ", \(statistics.storedByteCount) on the disk; " : "; ")
                + (counted.map { "the snapshot counts through \($0)" } ?? "there is no snapshot")
        )
    }
}
