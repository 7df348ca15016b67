import Foundation

/// One small GET over a connection of its own, blocking.
enum HTTPProbe {
    /// The answer's status; nil where there is no answer.
    static func status(port: Int, path: String, token: String) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard Loopback.connect(descriptor, port: port) else { return nil }
        let request =
            "GET \(path) HTTP/1.1\r\nhost: 127.0.0.1:\(port)\r\nauthorization: Bearer \(token)\r\nconnection: close\r\n\r\n"
        guard Array(request.utf8).withUnsafeBytes({ send(descriptor, $0.baseAddress, $0.count, 0) }) > 0 else {
            return nil
        }
        var answer = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &answer, answer.count, 0)
        // `HTTP/1.1 200 OK`
        guard count > 12 else { return nil }
        return Int(String(decoding: answer[9..<12], as: UTF8.self))
    }
}
