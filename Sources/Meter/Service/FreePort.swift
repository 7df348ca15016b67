import Glibc

/// A port of the loopback interface that is free now.
package enum FreePort {
    /// Linux gives a port from 32768 on to whoever asks for any (`ip_local_port_range`), connections that go out included:
    /// one below is not taken by chance before it is listened on.
    private static let usuallyUntaken = 10_240..<32_768
    private static let attemptCount = 100

    /// - Throws: `cannot_listen`.
    package static func find() throws(MeterError) -> Int {
        for _ in 0..<attemptCount {
            if let port = bound(to: Int.random(in: usuallyUntaken)) { return port }
        }
        guard let port = bound(to: 0) else {
            throw MeterError(.cannotListen, "There is no free port on the loopback interface")
        }
        return port
    }

    /// The port that a socket of the loopback interface could be bound to, for a moment; nil where it could not.
    /// - Parameter port: 0: any.
    private static func bound(to port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
