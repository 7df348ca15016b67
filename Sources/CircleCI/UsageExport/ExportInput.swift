import CZlib
import Glibc

/// The bytes of a usage export, decompressed where the file is gzip, which its first two bytes tell. Blocking.
final class ExportInput {
    private let name: String
    private let read: (UnsafeMutableRawBufferPointer) throws -> Int
    private let compressed: UnsafeMutableRawBufferPointer
    /// What of `compressed` is still to be taken.
    private var pending: Range<Int> = 0..<0
    private let stream: UnsafeMutablePointer<z_stream>
    private var isGzip: Bool?
    /// Whether a gzip member is begun and not ended.
    private var isInMember = false
    /// Of the file as it is, compressed or not.
    private(set) var consumedBytes = 0

    private static let chunkBytes = 1 << 18

    /// - Parameter read: fills a buffer from the start and says how far; 0 is the end.
    init(name: String, read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) {
        self.name = name
        self.read = read
        compressed = .allocate(byteCount: ExportInput.chunkBytes, alignment: 16)
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isGzip == true { inflateEnd(stream) }
        stream.deallocate()
        compressed.deallocate()
    }

    /// Fills `buffer` from the start; 0 is the end.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(UsageExportError) -> Int {
        if isGzip == nil { try begin() }
        guard isGzip == true else {
            if pending.isEmpty { try refill() }
            let count = min(pending.count, buffer.count)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: compressed[pending.prefix(count)]))
            pending = pending.dropFirst(count)
            return count
        }
        return try inflate(into: buffer)
    }

    private func begin() throws(UsageExportError) {
        // Two bytes may come in two reads.
        while pending.count < 2 {
            let count = try readMore(from: pending.upperBound)
            if count == 0 { break }
            pending = 0..<(pending.upperBound + count)
        }
        let isGzip = pending.count >= 2 && compressed[0] == 0x1f && compressed[1] == 0x8b
        self.isGzip = isGzip
        guard isGzip else { return }
        guard circlemeter_inflate_init_gzip(stream) == Z_OK else {
            self.isGzip = false
            throw UsageExportError(.damagedGzip, "zlib cannot be used", file: name)
        }
        isInMember = true
    }

    private func inflate(into buffer: UnsafeMutableRawBufferPointer) throws(UsageExportError) -> Int {
        while true {
            if pending.isEmpty { try refill() }
            if pending.isEmpty {
                guard !isInMember else {
                    throw UsageExportError(
                        .damagedGzip,
                        "the compressed file ends early",
                        file: name,
                        hint: "download it again"
                    )
                }
                return 0
            }
            if !isInMember {
                // Several members may follow one another; nothing else may.
                guard inflateReset(stream) == Z_OK else {
                    throw UsageExportError(.damagedGzip, "zlib cannot be used", file: name)
                }
                isInMember = true
            }
            stream.pointee.next_in = compressed.baseAddress?.assumingMemoryBound(to: UInt8.self) + pending.lowerBound
            stream.pointee.avail_in = UInt32(pending.count)
            stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(clamping: buffer.count)
            let result = CZlib.inflate(stream, Z_NO_FLUSH)
            let room = UInt32(clamping: buffer.count)
            pending = (pending.upperBound - Int(stream.pointee.avail_in))..<pending.upperBound
            guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else {
                throw UsageExportError(
                    .damagedGzip,
                    "the compressed file is damaged",
                    file: name,
                    hint: "download it again"
                )
            }
            if result == Z_STREAM_END { isInMember = false }
            let count = Int(room - stream.pointee.avail_out)
            if count > 0 { return count }
        }
    }

    private func refill() throws(UsageExportError) {
        let count = try readMore(from: 0)
        pending = 0..<count
    }

    private func readMore(from start: Int) throws(UsageExportError) -> Int {
        do {
            let count = try read(UnsafeMutableRawBufferPointer(rebasing: compressed[start...]))
            consumedBytes += count
            return count
        } catch {
            throw UsageExportError(.unreadableFile, "it cannot be read (\(error))", file: name)
        }
    }
}

private func + (pointer: UnsafeMutablePointer<UInt8>?, offset: Int) -> UnsafeMutablePointer<UInt8>? {
    pointer.map { $0 + offset }
}
