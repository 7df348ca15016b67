import CircleCI
import FakeCircleCI
import NIOCore
import Wire

/// Deliveries as the bytes of whole requests, signed and ready to be written: making them costs the load generator
/// nothing.
///
/// One buffer for all: a request is a slice of it.
struct PreparedRequests: Sendable {
    /// The connection that the deliveries are for.
    static let connection = "bench"

    private let buffer: ByteBuffer
    private let ends: [Int]
    /// Of all bodies together.
    let bodyByteCount: Int

    var count: Int { ends.count }

    /// - Parameter write: writes the request of a delivery.
    init(_ deliveries: some Sequence<GeneratedDelivery>, _ write: (GeneratedDelivery, inout ByteBuffer) -> Void) {
        var buffer = ByteBuffer()
        var ends: [Int] = []
        var bodyByteCount = 0
        for delivery in deliveries {
            write(delivery, &buffer)
            ends.append(buffer.writerIndex)
            bodyByteCount += delivery.body.count
        }
        self.buffer = buffer
        self.ends = ends
        self.bodyByteCount = bodyByteCount
    }

    /// Writes a POST with the headers that CircleCI sends (outbound webhooks reference).
    static func writePost(
        of delivery: GeneratedDelivery,
        to path: String,
        signature: String,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeString(
            """
            POST \(path) HTTP/1.1\r
            host: 127.0.0.1\r
            user-agent: CircleCI-Webhook/1.0\r
            content-type: application/json\r
            circleci-event-type: \(delivery.eventType)\r
            \(signature)\r
            content-length: \(delivery.body.count)\r
            \r

            """
        )
        buffer.writeBytes(delivery.body)
    }

    subscript(index: Int) -> ByteBuffer {
        let start = index == 0 ? 0 : ends[index - 1]
        guard let slice = buffer.getSlice(at: start, length: ends[index] - start) else {
            preconditionFailure("a request lies outside the buffer")
        }
        return slice
    }
}
