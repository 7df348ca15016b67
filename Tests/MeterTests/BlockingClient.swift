import Glibc

@testable import Meter

/// A client of the plain kind: it sends all that it has, and only then begins to read.
enum BlockingClient {
    /// Everything that the other side said before it ended the connection; nil where the connection was reset, be it
    /// while there was still something to send. (Linux hands out what came before a reset; other systems drop it.)
    static func send(_ bytes: [UInt8], to port: Int) async throws -> String? {
        try await BlockingQueue(label: "client").run { () throws(MeterError) in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(UInt16(port).bigEndian)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
            }
            guard connected == 0 else {
                throw MeterError(.unreadableFile, "No connection", cause: SystemError.last("connect"))
            }
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
