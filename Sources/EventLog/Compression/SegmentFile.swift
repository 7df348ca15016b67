import Glibc

#if SABOTAGE
    import Wire
#endif

/// A segment open for reading, whether its file is plain or compressed: sizes and positions are those of the content. It
/// owns the descriptor.
struct SegmentFile: ~Copyable {
    /// Nil: it is put together of others.
    private let descriptor: Int32?
    private let fileSystem: any FileSystem
    /// Nil: the file is plain.
    let compressed: CompressedSegment?
    private let pieces: SegmentPieces.Content?

    /// Opens the plain file, and where there is none the compressed one.
    ///
    /// - Throws: `ENOENT` where there is neither.
    init(_ segment: Int, in directory: LogDirectory) throws(SystemError) {
        let standIn = directory.standIns[segment]
        let file = standIn == nil ? try SegmentFile.open(segment, in: directory) : nil
        let packed = file?.isCompressed == true ? file?.descriptor : nil
        let compressed = try packed.map { descriptor throws(SystemError) in
            try SegmentFile.unpacked(descriptor, directory.fileSystem)
        }
        var descriptor = file?.descriptor
        var pieces: SegmentPieces.Content?
        switch standIn {
        case nil: break
        case .file(let path): descriptor = try directory.fileSystem.open(path, .read)
        case .pieces(let standing): pieces = try SegmentPieces.Content(standing)
        }
        self.descriptor = descriptor
        fileSystem = directory.fileSystem
        self.compressed = compressed
        self.pieces = pieces
    }

    /// A compressed file of any name.
    init(compressedAt path: String, fileSystem: any FileSystem) throws(SystemError) {
        let descriptor = try fileSystem.open(path, .read)
        let compressed = try SegmentFile.unpacked(descriptor, fileSystem)
        self.descriptor = descriptor
        self.fileSystem = fileSystem
        self.compressed = compressed
        pieces = nil
    }

    deinit { if let descriptor { fileSystem.close(descriptor) } }

    private static func unpacked(
        _ descriptor: Int32,
        _ fileSystem: any FileSystem
    ) throws(SystemError) -> CompressedSegment {
        do throws(SystemError) {
            return try CompressedSegment(descriptor, fileSystem: fileSystem)
        } catch {
            fileSystem.close(descriptor)
            throw error
        }
    }

    private static func open(
        _ segment: Int,
        in directory: LogDirectory
    ) throws(SystemError) -> (descriptor: Int32, isCompressed: Bool) {
        let plain = directory.path(ofSegment: segment)
        let compressed = directory.path(ofCompressedSegment: segment)
        #if SABOTAGE
            if Sabotage.plants("compressed-before-plain"), let file = try? directory.fileSystem.open(compressed, .read)
            {
                return (file, true)
            }
        #endif
        // It may turn from one into the other in between: then the first is there at the second look.
        for path in [plain, compressed] {
            do throws(SystemError) {
                return (try directory.fileSystem.open(path, .read), path == compressed)
            } catch  where error.number == ENOENT {
                continue
            }
        }
        return (try directory.fileSystem.open(plain, .read), false)
    }

    var isCompressed: Bool { compressed != nil }

    /// Of the content, in bytes.
    func size() throws(SystemError) -> Int {
        if let compressed { return compressed.table.contentCount }
        return try storedSize()
    }

    /// Of the file, in bytes.
    func storedSize() throws(SystemError) -> Int {
        if let pieces { return pieces.byteCount }
        return try descriptor.map { descriptor throws(SystemError) in try fileSystem.size(descriptor) } ?? 0
    }

    /// Reads until `buffer` is full or the segment ends; the bytes read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        if let compressed { return try compressed.read(into: buffer, at: offset) }
        if let pieces { return try pieces.read(into: buffer, at: offset) }
        guard let descriptor else { return 0 }
        return try fileSystem.readFully(descriptor, into: buffer, at: offset)
    }

    /// Up to `count` bytes from `offset` on, fewer where the segment ends before.
    func bytes(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            do throws(SystemError) {
                initializedCount = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
