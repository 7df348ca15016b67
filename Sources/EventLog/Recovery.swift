import Glibc
import Wire

/// Opens the log for writing: finds its end, tells a torn tail from damage, and makes durable what it accepts.
struct Recovery {
    /// What the committer starts with.
    struct Outcome {
        var report: RecoveryReport
        var durableEnd: LogPosition
        /// Nil: a new segment has to be created before anything can be written.
        var segment: OpenSegment?
        /// The header of that new segment, where it does not follow from the durable end.
        var nextHeader: SegmentHeader?
        /// The greatest batch number that the log shows.
        var lastBatch: Int
        var window: DeduplicationWindow
        var segments: [SegmentStatistics]
        /// A torn tail that could not be copied yet.
        var tornTail: TornTail?
        /// Why it could not.
        var failure: LogError?
    }

    /// The bytes of a torn tail.
    struct TornTail {
        let segment: Int
        let offset: Int
        let byteCount: Int
    }

    let directory: LogDirectory
    /// The directory, open.
    let descriptor: Int32
    let now: @Sendable () -> Timestamp
    let windowCount: Int

    func run(deduplicationKey: (LogRecord) -> UInt128?) throws(LogError) -> Outcome {
        var report = RecoveryReport()
        report.removedTemporaryFiles = try removeTemporaryFiles()
        let segments = try directory.segments()
        guard let last = segments.last else { return try startLog(report) }
        var informations: [SegmentInformation] = []
        for segment in segments { informations.append(try directory.information(onSegment: segment)) }
        if informations[informations.count - 1].compressedSize != nil {
            informations[informations.count - 1] = try expanded(last)
        }

        var keys: [(key: UInt128, sequence: Int)] = []
        var walk = try SegmentWalk(informations[informations.count - 1], successor: nil, in: directory)
        while let item = try walk.next() {
            switch item {
            case .record(let record):
                report.recordsRead += 1
                if let key = deduplicationKey(record) { keys.append((key, record.sequence)) }
            case .damage(let damage), .tornTail(let damage):
                report.damages.append(damage)
            }
        }
        let recordCount = report.recordsRead
        var older = try readOlder(informations, needed: windowCount - keys.count, &report, deduplicationKey)
        var window = DeduplicationWindow(capacity: windowCount)
        older.append(contentsOf: keys)
        #if SABOTAGE
            if Sabotage.plants("window-not-filled") { older.removeAll() }
        #endif
        for (key, sequence) in older { window.insert(key, sequence: sequence) }
        report.keysLoaded = window.count
        report.segmentCount = segments.count

        var outcome = Outcome(
            report: report,
            durableEnd: try durableEnd(behind: walk.chain, in: informations),
            lastBatch: 0,
            window: window,
            segments: informations.indices.map { index in
                let next = index + 1 < informations.count ? informations[index + 1].segment : nil
                return SegmentStatistics(
                    informations[index],
                    recordCount: next.map { $0 - informations[index].segment } ?? recordCount
                )
            }
        )
        outcome.lastBatch = max(outcome.durableEnd.batch, walk.chain.batch)
        try settleEnd(of: last, size: informations[informations.count - 1].size, walk, recordCount, &outcome)
        outcome.report.damages.sort { ($0.segment, $0.offset) < ($1.segment, $1.offset) }
        return outcome
    }

    /// The first segment of a new log.
    private func startLog(_ report: RecoveryReport) throws(LogError) -> Outcome {
        do throws(SystemError) {
            let header = SegmentHeader(firstSequence: 1, createdAt: now(), previous: nil)
            let segment = try directory.create(header, synchronizing: descriptor)
            var report = report
            report.segmentCount = 1
            return Outcome(
                report: report,
                durableEnd: .start,
                segment: segment,
                lastBatch: 0,
                window: DeduplicationWindow(capacity: windowCount),
                segments: [SegmentStatistics(segment)]
            )
        } catch {
            throw .unusable("The log's first segment cannot be created", path: directory.path, cause: error)
        }
    }

    /// Reads what must be read of the sealed segments: those that do not look whole, for the report, and the last one
    /// where the window has room for its keys.
    private func readOlder(
        _ informations: [SegmentInformation],
        needed: Int,
        _ report: inout RecoveryReport,
        _ deduplicationKey: (LogRecord) -> UInt128?
    ) throws(LogError) -> [(key: UInt128, sequence: Int)] {
        if informations[0].segment != 1 { report.damages.append(LogReader.missing(before: informations[0])) }
        var keys: [(key: UInt128, sequence: Int)] = []
        for index in informations.indices.dropLast() {
            let fillsWindow = index == informations.count - 2 && needed > 0
            if !fillsWindow, try directory.looksWhole(informations[index], successor: informations[index + 1]) {
                continue
            }
            var walk = try SegmentWalk(informations[index], successor: informations[index + 1], in: directory)
            while let item = try walk.next() {
                switch item {
                case .record(let record):
                    report.recordsRead += 1
                    if fillsWindow, let key = deduplicationKey(record) { keys.append((key, record.sequence)) }
                case .damage(let damage), .tornTail(let damage):
                    report.damages.append(damage)
                }
            }
        }
        return keys
    }

    /// The end of the last record; where the last segment has none, of the last one before it.
    private func durableEnd(
        behind chain: LogChain,
        in informations: [SegmentInformation]
    ) throws(LogError) -> LogPosition {
        if let position = chain.position { return position }
        let last = informations[informations.count - 1]
        if last.segment == 1 { return .start }
        if informations.count > 1, let previous = last.header?.previous {
            let before = informations[informations.count - 2].segment
            let line = try directory.lineEnd(inSegment: before, at: previous.offset)
            if let line, line.crc == previous.crc, line.sequence == previous.sequence {
                return LogPosition(
                    sequence: previous.sequence,
                    crc: previous.crc,
                    batch: line.batch ?? previous.sequence,
                    segment: before,
                    offset: previous.offset
                )
            }
        }
        // Behind a damaged end the header itself is what can be found again. A batch is never greater than its records'
        // sequences, so that this number is free.
        return LogPosition(
            sequence: last.segment - 1,
            crc: last.reading.crc,
            batch: last.segment - 1,
            segment: last.segment,
            offset: last.reading.byteCount
        )
    }

    /// What is written on has to be plain. A last segment is compressed only where the one behind it went missing.
    private func expanded(_ last: Int) throws(LogError) -> SegmentInformation {
        do throws(SystemError) {
            try directory.expand(last, synchronizing: descriptor)
        } catch {
            throw .unusable("The last segment cannot be expanded", path: directory.path(ofSegment: last), cause: error)
        }
        return try directory.information(onSegment: last)
    }

    private func removeTemporaryFiles() throws(LogError) -> [String] {
        var removed: [String] = []
        for prefix in ["", LogDirectory.asideName + "/"] {
            let path = prefix.isEmpty ? directory.path : "\(directory.path)/\(LogDirectory.asideName)"
            let names: [String]
            do throws(SystemError) {
                names = try directory.fileSystem.names(in: path)
            } catch  where error.number == ENOENT && !prefix.isEmpty {
                continue
            } catch {
                throw .unusable("The log's directory cannot be listed", path: path, cause: error)
            }
            for name in names.sorted() where name.hasSuffix(LogDirectory.temporarySuffix) {
                do throws(SystemError) {
                    try directory.fileSystem.remove("\(path)/\(name)")
                } catch {
                    throw .unusable("An unfinished file cannot be removed", path: "\(path)/\(name)", cause: error)
                }
                removed.append(prefix + name)
            }
        }
        return removed
    }
}
