import CircleCI
import Glibc
import Usage
import Wire

/// A row of a usage export, ready for the log.
struct ExportItem: Sendable {
    var job: UInt128
    var contentID: UInt128
    /// What the export calls the job, where that is no UUID.
    var otherJobID: String?
    /// The partition that its run is in.
    var pipelineDay: Day
    var credits: Int
    var body: [UInt8]

    /// What a confirmation names the job by.
    var namedJob: String { otherJobID ?? Identity.uuidString(job) }
}

/// Reads one file of a usage export, on a thread of its own: reading and decompressing block.
actor ExportFileReader {
    private let executor = QueueExecutor(label: "circlemeter.export")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let file: SettleRequest.File
    private var descriptor: Int32 = -1
    private var reader: UsageExportReader?
    /// Rows by the UTC day of their start, of what was checked.
    private(set) var rowsByDay: [Day: Int] = [:]

    init(_ file: SettleRequest.File) {
        self.file = file
    }

    var consumedBytes: Int { reader?.consumedBytes ?? 0 }
    var rowCount: Int { reader?.rowCount ?? 0 }

    // Regular files only, as whoever laid them there made sure: a pipe is not waited for.

    /// How long the file is.
    func size() throws(UsageExportError) -> Int {
        let descriptor = Glibc.open(file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable("open") }
        defer { Glibc.close(descriptor) }
        return max(0, Int(lseek(descriptor, 0, SEEK_END)))
    }

    /// Begins at the first row.
    func open() throws(UsageExportError) {
        close()
        let descriptor = Glibc.open(file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable("open") }
        self.descriptor = descriptor
        reader = try UsageExportReader(name: file.name) { buffer in
            while true {
                let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                if count >= 0 { return count }
                guard errno == EINTR else { throw SystemError.last("read") }
            }
        }
    }

    func close() {
        reader = nil
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Reads up to `count` rows and keeps none; false at the end.
    func check(_ count: Int) throws(UsageExportError) -> Bool {
        guard let reader else { return false }
        for _ in 0..<count {
            guard try reader.next() else { return false }
            rowsByDay[reader.day, default: 0] += 1
        }
        return true
    }

    /// The next rows, at most `count`; none at the end.
    func items(_ count: Int) throws(UsageExportError) -> [ExportItem] {
        guard let reader else { return [] }
        var items: [ExportItem] = []
        items.reserveCapacity(count)
        while items.count < count, try reader.next() {
            let event = SettlementEvent(reader, exportedAt: file.exportedAt)
            items.append(
                ExportItem(
                    job: reader.job,
                    contentID: event.contentID,
                    otherJobID: reader.isJobUUID ? nil : reader.jobID,
                    pipelineDay: reader.pipelineCreatedAt.day,
                    credits: Int(reader.totalCredits),
                    body: event.body
                )
            )
        }
        return items
    }

    private func unreadable(_ call: String) -> UsageExportError {
        UsageExportError(.unreadableFile, "it cannot be read (\(SystemError.last(call)))", file: file.name)
    }
}
