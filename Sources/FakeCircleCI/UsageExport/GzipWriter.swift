import CZlib

/// Compresses as gzip does, piece by piece.
public final class GzipWriter {
    private let stream: UnsafeMutablePointer<z_stream>
    private let sink: ([UInt8]) throws -> Void
    private var output = [UInt8](repeating: 0, count: 1 << 16)

    /// - Parameter sink: given the compressed bytes.
    public init(_ sink: @escaping ([UInt8]) throws -> Void) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        precondition(circlemeter_deflate_init_gzip(stream, 1) == Z_OK, "zlib cannot be used")
        self.sink = sink
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    public func write(_ bytes: some Sequence<UInt8>) throws { try deflate(Array(bytes), Z_NO_FLUSH) }

    /// Nothing may be written afterwards.
    public func finish() throws { try deflate([], Z_FINISH) }

    /// All of `bytes` at once.
    public static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        let writer = GzipWriter { result += $0 }
        // The sink does not throw.
        try? writer.write(bytes)
        try? writer.finish()
        return result
    }

    private func deflate(_ bytes: [UInt8], _ flush: Int32) throws {
        var bytes = bytes
        try bytes.withUnsafeMutableBufferPointer { input in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            var status = Z_OK
            repeat {
                let count = output.withUnsafeMutableBufferPointer { buffer in
                    stream.pointee.next_out = buffer.baseAddress
                    stream.pointee.avail_out = UInt32(buffer.count)
                    status = CZlib.deflate(stream, flush)
                    return buffer.count - Int(stream.pointee.avail_out)
                }
                if count > 0 { try sink(Array(output[..<count])) }
            } while stream.pointee.avail_out == 0 || flush == Z_FINISH && status == Z_OK
        }
    }
}
