import Glibc

@testable import Meter

/// A client of the plain kind: it sends all that it has, and only then begins to read.
enum BlockingClient {
    /// Everything that the other side said before it ended the connection; nil where the connection was reset, be it
    /// while there was still something to send. (Linux hands out what came before a reset; other systems drop it.)
    static func send(_ bytes: [UInt8], to port: Int) async throws -> String? {
        try await BlockingQueue(label: "client").run { () throws(RawSocket.Trouble) in
            let descriptor = try RawSocket.connected(port)
            defer { close(descriptor) }
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes { buffer in
                    Glibc.send(
                        descriptor,
                        buffer.baseAddress! + sent,
                        buffer.count - sent,
                        Int32(MSG_NOSIGNAL)
                    )
                }
                guard count > 0 else { return nil }
                sent += count
            }
            var answer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &chunk, chunk.count, 0)
                if count < 0 { return nil }
                if count == 0 { return String(decoding: answer, as: UTF8.self) }
                answer.append(contentsOf: chunk[..<count])
            }
        }
    }
}
