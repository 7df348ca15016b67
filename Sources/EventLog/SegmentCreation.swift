import Wire

/// A segment that is being written.
struct OpenSegment {
    let descriptor: Int32
    let segment: Int
    /// Nil where it is damaged; there are records behind it then.
    let header: SegmentHeader?
    /// In bytes: where the next line goes.
    var size: Int
    /// The checksum of the last line.
    var crc: UInt32
    /// Its durable records.
    var recordCount: Int
}

extension LogDirectory {
    /// Makes a segment that consists of its header: under a temporary name, synced, renamed, the directory synced. It
    /// replaces a segment of the same name, which must have no durable records.
    ///
    /// After an error the name may or may not exist. Nothing but another call of this function may follow.
    func create(_ header: SegmentHeader, synchronizing directory: Int32) throws(SystemError) -> OpenSegment {
        let path = path(ofSegment: header.firstSequence)
        let temporaryPath = path + LogDirectory.temporarySuffix
        let (line, crc) = header.encoded()
        let descriptor = try newFile(temporaryPath, containing: line)
        do throws(SystemError) {
            try fileSystem.rename(temporaryPath, to: path)
            #if SABOTAGE
                if Sabotage.plants("renamed-before-sync") { try fileSystem.synchronize(descriptor) }
                if !Sabotage.plants("directory-not-synced") { try fileSystem.synchronize(directory) }
            #else
                try fileSystem.synchronize(directory)
            #endif
        } catch {
            fileSystem.close(descriptor)
            throw error
        }
        return OpenSegment(
            descriptor: descriptor,
            segment: header.firstSequence,
            header: header,
            size: line.count,
            crc: crc,
            recordCount: 0
        )
    }

    /// A synced file with these bytes, open. What stood there before is removed: a file whose sync has failed must not
    /// be synced again.
    func newFile(_ path: String, containing bytes: [UInt8]) throws(SystemError) -> Int32 {
        try? fileSystem.remove(path)
        let descriptor = try fileSystem.open(path, .create)
        do throws(SystemError) {
            try fileSystem.writeAll(descriptor, bytes, at: 0)
            #if SABOTAGE
                if Sabotage.plants("renamed-before-sync") { return descriptor }
            #endif
            try fileSystem.synchronize(descriptor)
        } catch {
            fileSystem.close(descriptor)
            try? fileSystem.remove(path)
            throw error
        }
        return descriptor
    }
}
