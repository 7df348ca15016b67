/// The content of a compressed segment, unpacked frame by frame as it is asked for.
///
/// A frame that cannot be unpacked reads as zeros, so that all that stands behind it stays in its place: whoever follows the
/// lines finds a bad one there and reports it.
final class CompressedSegment {
    let table: FrameTable
    /// Whether a frame was damaged, of those that were read, or some cannot be found.
    private(set) var isDamaged: Bool

    private let descriptor: Int32
    private let fileSystem: any FileSystem
    private let reader = FrameReader()
    /// The bytes of one frame in the file.
    private var packed: [UInt8] = []
    /// The content of the frame that was read last of those that were wanted in part.
    private var content: [UInt8] = []
    private var contentIndex: Int?

    init(_ descriptor: Int32, fileSystem: any FileSystem) throws(SystemError) {
        self.descriptor = descriptor
        self.fileSystem = fileSystem
        table = try FrameTable(descriptor, fileSystem: fileSystem)
        isDamaged = table.isCut
    }

    /// Reads content until `buffer` is full or the segment ends; the bytes read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        var done = 0
        while done < buffer.count, let index = table.index(holding: offset + done) {
            let frame = table.frames[index]
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            if offset + done == frame.contentOffset, frame.contentCount <= rest.count, contentIndex != index {
                try unpack(frame, into: UnsafeMutableRawBufferPointer(rebasing: rest[..<frame.contentCount]))
                done += frame.contentCount
                continue
            }
            try load(index)
            let start = offset + done - frame.contentOffset
            let count = min(frame.contentCount - start, rest.count)
            content.withUnsafeBytes { content in
                rest.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[start..<(start + count)]))
            }
            done += count
        }
        return done
    }

    private func load(_ index: Int) throws(SystemError) {
        guard contentIndex != index else { return }
        contentIndex = nil
        let frame = table.frames[index]
        var failure: SystemError?
        content = [UInt8](unsafeUninitializedCapacity: frame.contentCount) { buffer, initializedCount in
            initializedCount = frame.contentCount
            do throws(SystemError) { try unpack(frame, into: UnsafeMutableRawBufferPointer(buffer)) } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        contentIndex = index
    }

    private func unpack(_ frame: FrameTable.Frame, into content: UnsafeMutableRawBufferPointer) throws(SystemError) {
        if packed.count < frame.byteCount { packed = [UInt8](repeating: 0, count: frame.byteCount) }
        var failure: SystemError?
        let isWhole = packed.withUnsafeMutableBytes { packed -> Bool in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: packed[..<frame.byteCount])
            do throws(SystemError) {
                guard try fileSystem.readFully(descriptor, into: bytes, at: frame.offset) == bytes.count else {
                    return false
                }
            } catch {
                failure = error
                return false
            }
            return reader.unpack(UnsafeRawBufferPointer(bytes), into: content)
        }
        guard isWhole else {
            content.initializeMemory(as: UInt8.self, repeating: 0)
            if let failure { throw failure }
            isDamaged = true
            return
        }
    }
}
