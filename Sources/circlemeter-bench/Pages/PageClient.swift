import Foundation

/// Asks for pages over one connection that stays open, one after the other, blocking.
final class PageClient {
    struct Answer {
        var status: Int
        var tag: String?
        var text: String
        var milliseconds: Double
    }

    private let descriptor: Int32
    private let port: Int
    private let token: String

    init(port: Int, token: String) throws {
        self.port = port
        self.token = token
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var timeout = timeval(tv_sec: 120, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var isDirect: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isDirect, socklen_t(MemoryLayout<Int32>.size))
        guard Loopback.connect(descriptor, port: port) else { throw BenchFailure("no connection to port \(port)") }
    }

    deinit { close(descriptor) }

    /// - Parameter tag: sent as `If-None-Match`.
    func get(_ path: String, tag: String? = nil) throws -> Answer {
        let condition = tag.map { "if-none-match: \($0)\r\n" } ?? ""
        return try send(
            "GET \(path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\nauthorization: Bearer \(token)\r\n\(condition)\r\n"
        )
    }

    /// Sends a request's bytes and reads the whole answer.
    func send(_ request: some StringProtocol) throws -> Answer { try send(Array(request.utf8)) }

    func send(_ request: [UInt8]) throws -> Answer {
        let begin = ContinuousClock.now
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { throw BenchFailure("a request could not be sent") }
            sent += count
        }
        var answer = Data()
        var head: String?
        var wanted = Int.max
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while answer.count < wanted {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw BenchFailure("an answer ended early") }
            answer.append(contentsOf: buffer[..<count])
            guard head == nil, let end = answer.range(of: Data("\r\n\r\n".utf8)) else { continue }
            let text = String(decoding: answer[..<end.lowerBound], as: UTF8.self)
            head = text
            wanted = end.upperBound + (PageClient.field("content-length", text).flatMap { Int($0) } ?? 0)
        }
        let milliseconds = (ContinuousClock.now - begin).milliseconds
        guard let head, let status = Int(head.dropFirst(9).prefix(3)) else { throw BenchFailure("no HTTP answer") }
        return Answer(
            status: status,
            tag: PageClient.field("etag", head),
            text: String(decoding: answer, as: UTF8.self),
            milliseconds: milliseconds
        )
    }

    private static func field(_ name: String, _ head: String) -> String? {
        head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name + ":") }
            .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
    }
}
