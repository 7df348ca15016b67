import Wire

extension Recovery {
    /// Decides about what stands behind the last record, and makes the end durable.
    func settleEnd(
        of segment: Int,
        size: Int,
        _ walk: borrowing SegmentWalk,
        _ recordCount: Int,
        _ outcome: inout Outcome
    ) throws(LogError) {
        let path = directory.path(ofSegment: segment)
        let chain = walk.chain
        let tail = walk.tail
        var end = size
        if let tail, tail.isOneTornBatch {
            let torn = TornTail(segment: segment, offset: tail.offset, byteCount: tail.byteCount)
            let damage = try walk.damage(of: tail, kind: .tornTail)
            do throws(SystemError) {
                let copy = try directory.copyAside(torn)
                outcome.report.tornTail = RecoveryReport.TornTail(damage: damage, copiedTo: copy)
                end = tail.offset
            } catch {
                outcome.report.tornTail = RecoveryReport.TornTail(damage: damage, copiedTo: nil)
                outcome.tornTail = torn
                outcome.failure = .unavailable("A torn tail cannot be copied aside", path: path, cause: error)
            }
        }
        let isCut = end < size
        let descriptor: Int32
        do throws(SystemError) {
            descriptor = try accept(path, cutTo: isCut ? end : nil, rewriting: chain.batchOffset..<chain.offset)
        } catch {
            throw .unusable("The end of the log cannot be made durable", path: path, cause: error)
        }
        let lastIndex = outcome.segments.count - 1
        outcome.segments[lastIndex].byteCount = end
        guard let tail, !isCut else {
            outcome.segment = OpenSegment(
                descriptor: descriptor,
                segment: segment,
                header: outcome.segments[lastIndex].header,
                size: end,
                crc: chain.crc,
                recordCount: recordCount
            )
            return
        }
        directory.fileSystem.close(descriptor)
        if outcome.tornTail == nil {
            try leaveBehind(tail, walk, size: size, &outcome)
        } else if recordCount == 0 {
            // The next segment takes this one's place: there is no record whose end it could state.
            outcome.nextHeader = outcome.segments[lastIndex].header
        }
    }

    /// Makes the last segment durable as it is accepted; its descriptor.
    private func accept(
        _ path: String,
        cutTo end: Int?,
        rewriting lastBatch: Range<Int>
    ) throws(SystemError) -> Int32 {
        let descriptor = try directory.fileSystem.open(path, .write)
        do throws(SystemError) {
            if let end { try directory.fileSystem.truncate(descriptor, to: end) }
            #if SABOTAGE
                if Sabotage.plants("opening-syncs-nothing") { return descriptor }
            #endif
            try refresh(descriptor, lastBatch)
            try directory.fileSystem.synchronize(descriptor)
            try directory.fileSystem.synchronize(self.descriptor)
        } catch {
            directory.fileSystem.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Writes the last batch over itself.
    ///
    /// Where a sync failed in an earlier process, the pages that it lost are still in the page cache and count as
    /// clean: they read well, and syncing them again does nothing. Written again they are dirty, and reach the disk.
    private func refresh(_ descriptor: Int32, _ batch: Range<Int>) throws(SystemError) {
        #if SABOTAGE
            if Sabotage.plants("last-batch-not-written-again") { return }
        #endif
        var offset = batch.lowerBound
        while offset < batch.upperBound {
            let count = min(LineReader.chunkBytes, batch.upperBound - offset)
            let bytes = try directory.fileSystem.bytes(descriptor, at: offset, count: count)
            guard !bytes.isEmpty else { return }
            try directory.fileSystem.writeAll(descriptor, bytes, at: offset)
            offset += bytes.count
        }
    }

    /// The log ends in damage: the next segment starts behind it, with numbers that it does not show, and its header
    /// includes the damage, so that every reader reports it.
    private func leaveBehind(
        _ tail: BadRegion,
        _ walk: borrowing SegmentWalk,
        size: Int,
        _ outcome: inout Outcome
    ) throws(LogError) {
        let segment = outcome.segments[outcome.segments.count - 1].segment
        var tail = tail
        // A segment with another name is needed even where no record is known to be lost.
        let lastSequence = max(tail.evidentSequence, segment)
        tail.nextSequence = lastSequence + 1
        outcome.report.damages.append(try walk.damage(of: tail))
        outcome.lastBatch = max(outcome.lastBatch, tail.evidentBatch)
        outcome.nextHeader = SegmentHeader(
            firstSequence: lastSequence + 1,
            createdAt: now(),
            previous: SegmentHeader.Previous(sequence: lastSequence, offset: size, crc: walk.chain.crc)
        )
    }
}

extension LogDirectory {
    /// Copies a torn tail into the directory for that, durably; the copy's path.
    func copyAside(_ tail: Recovery.TornTail) throws(SystemError) -> String {
        let aside = "\(path)/\(LogDirectory.asideName)"
        if try fileSystem.makeDirectory(aside) { try fileSystem.synchronizeDirectory(path) }
        let source = try fileSystem.open(path(ofSegment: tail.segment), .read)
        defer { fileSystem.close(source) }
        let bytes = try fileSystem.bytes(source, at: tail.offset, count: tail.byteCount)
        let taken = Set(try fileSystem.names(in: aside))
        let segmentName = LogDirectory.name(ofSegment: tail.segment).dropLast(LogDirectory.segmentSuffix.utf8.count)
        var name = "\(segmentName)-\(tail.offset).torn"
        var attempt = 2
        while taken.contains(name) {
            name = "\(segmentName)-\(tail.offset)-\(attempt).torn"
            attempt += 1
        }
        let copy = "\(aside)/\(name)"
        let descriptor = try newFile(copy + LogDirectory.temporarySuffix, containing: bytes)
        fileSystem.close(descriptor)
        try fileSystem.rename(copy + LogDirectory.temporarySuffix, to: copy)
        try fileSystem.synchronizeDirectory(aside)
        return copy
    }
}
