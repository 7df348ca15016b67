import Glibc
import Wire

extension LogDirectory {
    /// Makes a compressed segment a plain one again; what cannot be unpacked of it becomes zeros. A plain one stays.
    ///
    /// - Parameter descriptor: The directory, open.
    func makePlain(_ segment: Int, synchronizing descriptor: Int32) throws(SystemError) {
        try expand(segment, synchronizing: descriptor)
        // Where both were, this one still holds what is about to be overwritten.
        #if SABOTAGE
            if Sabotage.plants("compressed-copy-kept") { return }
        #endif
        try removeCompressed(segment, synchronizing: descriptor)
    }

    /// Makes a compressed segment a plain one again, unless there is a plain one.
    ///
    /// - Parameters:
    ///   - descriptor: The directory, open.
    ///   - evenIfDamaged: What cannot be unpacked becomes zeros; otherwise such a segment stays as it is.
    ///   - mayGoOn: Asked now and then with the bytes done; false cancels.
    /// - Returns: False where the segment stayed as it is.
    @discardableResult
    func expand(
        _ segment: Int,
        synchronizing descriptor: Int32,
        evenIfDamaged: Bool = true,
        mayGoOn: (Int) -> Bool = { _ in true }
    ) throws(SystemError) -> Bool {
        let file = try SegmentFile(segment, in: self)
        guard let compressed = file.compressed else { return true }
        return try replace(segment, by: file, synchronizing: descriptor, mayGoOn) {
            evenIfDamaged || !compressed.isDamaged
        }
    }

    /// Makes a plain segment of what pieces of this log and of another one put together, where it reads as it should.
    ///
    /// - Parameters:
    ///   - successor: The next segment; nil: this is the last one.
    ///   - descriptor: The directory, open.
    /// - Throws: `EIO` where it does not, and the segment is as it was.
    func replace(
        _ segment: Int,
        by pieces: SegmentPieces,
        successor: Int?,
        synchronizing descriptor: Int32
    ) throws(SystemError) {
        var directory = self
        directory.standIns[segment] = .pieces(pieces)
        let file = try SegmentFile(segment, in: directory)
        directory.standIns[segment] = .file(path(ofSegment: segment) + LogDirectory.temporarySuffix)
        let isReplaced = try replace(
            segment,
            by: file,
            synchronizing: descriptor,
            keepingCompressed: pieces.damageCount > 0,
            { _ in true }
        ) { [directory] in
            guard let reading = try? SegmentReading(segment, successor: successor, in: directory) else { return false }
            return reading.crcs == pieces.crcs && reading.places.count == pieces.damageCount
        }
        if !isReplaced { throw SystemError(call: "pread", number: EIO) }
    }

    /// - Parameters:
    ///   - mayGoOn: Asked now and then with the bytes done; false cancels.
    ///   - keepingCompressed: Where the compressed file may hold what the plain one does not. The plain one counts.
    ///   - isGood: Asked when the content has been written.
    /// - Returns: False where the segment stayed as it is.
    @discardableResult
    private func replace(
        _ segment: Int,
        by file: borrowing SegmentFile,
        synchronizing descriptor: Int32,
        keepingCompressed: Bool = false,
        _ mayGoOn: (Int) -> Bool,
        _ isGood: () -> Bool
    ) throws(SystemError) -> Bool {
        let path = path(ofSegment: segment)
        let temporaryPath = path + LogDirectory.temporarySuffix
        try? fileSystem.remove(temporaryPath)
        do throws(SystemError) {
            guard try writeContent(of: file, to: temporaryPath, mayGoOn), isGood() else {
                try? fileSystem.remove(temporaryPath)
                return false
            }
            try fileSystem.rename(temporaryPath, to: path)
            try fileSystem.synchronize(descriptor)
        } catch {
            try? fileSystem.remove(temporaryPath)
            throw error
        }
        if !keepingCompressed { try removeCompressed(segment, synchronizing: descriptor) }
        return true
    }

    private func writeContent(
        of file: borrowing SegmentFile,
        to path: String,
        _ mayGoOn: (Int) -> Bool
    ) throws(SystemError) -> Bool {
        let size = try file.size()
        let descriptor = try fileSystem.open(path, .create)
        defer { fileSystem.close(descriptor) }
        var offset = 0
        while offset < size {
            guard mayGoOn(offset) else { return false }
            let bytes = try file.bytes(at: offset, count: min(LineReader.chunkBytes, size - offset))
            guard !bytes.isEmpty else { throw SystemError(call: "pread", number: EIO) }
            try fileSystem.writeAll(descriptor, bytes, at: offset)
            offset += bytes.count
        }
        try fileSystem.synchronize(descriptor)
        return true
    }

    private func removeCompressed(_ segment: Int, synchronizing descriptor: Int32) throws(SystemError) {
        let path = path(ofCompressedSegment: segment)
        // Asked first: a file that is not there is no error, and most are not.
        guard try fileSystem.names(in: self.path).contains(LogDirectory.name(ofCompressedSegment: segment)) else {
            return
        }
        try fileSystem.remove(path)
        try fileSystem.synchronize(descriptor)
    }
}
