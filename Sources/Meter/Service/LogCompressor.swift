import EventLog
import Logging
import ServiceLifecycle

/// Whether sealed segments of the log are compressed.
public enum LogCompressionSetting: String, CaseIterable, Sendable {
    /// Every segment stays a plain file.
    case off
    /// All but the one that is being written.
    case sealed
}

/// Compresses segments of the log once they are sealed, at the start and whenever the log has gone on in a new one.
struct LogCompressor: Service {
    let log: EventLog
    let setting: LogCompressionSetting
    let logger: Logger

    func run() async throws {
        guard setting == .sealed else {
            try? await gracefulShutdown()
            return
        }
        let isStopping = StopFlag()
        await withTaskCancellationOrGracefulShutdownHandler {
            var leaving: Set<Int> = []
            var segment: Int?
            for await end in log.advances().cancelOnGracefulShutdown() where end.segment != segment {
                segment = end.segment
                await pass(&leaving, isStopping)
            }
        } onCancelOrGracefulShutdown: {
            isStopping.raise()
        }
    }

    /// - Parameter leaving: Segments that were found damaged; they have been reported.
    private func pass(_ leaving: inout Set<Int>, _ isStopping: StopFlag) async {
        do {
            let report = try await onOwnThread("circlemeter.compression") { [log, leaving] in
                try log.compressSealed(leaving: leaving) { _ in !isStopping.isRaised }
            }
            if !report.segments.isEmpty {
                logger.info(
                    "segments of the log were compressed",
                    metadata: [
                        "segments": "\(report.segments.count)", "bytes": "\(report.byteCount)",
                        "compressed_bytes": "\(report.compressedByteCount)",
                    ]
                )
            }
            for segment in report.leftSegments {
                leaving.insert(segment)
                logger.error(
                    "a segment of the log is damaged and stays as it is",
                    metadata: ["segment": "\(segment)", "hint": "circlemeter log verify"]
                )
            }
        } catch let error as LogError where error.code == .closed {
            return
        } catch {
            // It is tried again behind the next segment.
            logger.error("a segment of the log cannot be compressed", metadata: ["error": "\(error)"])
        }
    }
}
