import CZstd

/// Makes frames of zstd, each of which can be read without the others.
struct FrameWriter: ~Copyable {
    /// Higher levels take twice the time for a few percent.
    static let level: Int32 = 6

    private let context: OpaquePointer

    init() {
        // Nil only where memory is exhausted.
        context = ZSTD_createCCtx()!
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, FrameWriter.level)
        // With the content's size and a checksum of it.
        ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    /// One frame with this content.
    func frame(_ content: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(content.count)) { buffer, initializedCount in
            let count = ZSTD_compress2(context, buffer.baseAddress, buffer.count, content.baseAddress, content.count)
            // Where there is room for the bound it fails for want of memory only; an empty frame is noticed by whoever
            // reads it back.
            initializedCount = ZSTD_isError(count) == 0 ? count : 0
        }
    }
}

/// Reads frames of zstd.
struct FrameReader: ~Copyable {
    private let context: OpaquePointer

    init() { context = ZSTD_createDCtx()! }

    deinit { ZSTD_freeDCtx(context) }

    /// Unpacks one frame into all of `content`; false where it is damaged or holds something of another size.
    func unpack(_ frame: UnsafeRawBufferPointer, into content: UnsafeMutableRawBufferPointer) -> Bool {
        ZSTD_decompressDCtx(context, content.baseAddress, content.count, frame.baseAddress, frame.count)
            == content.count
    }

    /// What the frame at the start of `bytes` says of itself; nil where none stands there whole.
    static func sizes(of bytes: UnsafeRawBufferPointer) -> (byteCount: Int, contentCount: Int)? {
        let byteCount = ZSTD_findFrameCompressedSize(bytes.baseAddress, bytes.count)
        guard ZSTD_isError(byteCount) == 0, byteCount > 0 else { return nil }
        // A frame that is skipped has none; of one that does not say, and of none at all, it is beyond every bound.
        let contentCount = ZSTD_getFrameContentSize(bytes.baseAddress, bytes.count)
        guard contentCount <= UInt64(FrameTable.maximumContentBytes) else { return nil }
        return (byteCount, Int(contentCount))
    }
}
