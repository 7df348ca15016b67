import Glibc

/// Connections to this machine's own servers.
enum Loopback {
    /// Connects a socket to a port of 127.0.0.1; false where nobody listens. Blocks.
    static func connect(_ descriptor: Int32, port: Int) -> Bool {
        // Not by `sockaddr_in`: which module it is of depends on the files that are compiled together, since a module of
        // SwiftNIO includes its header, too.
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_family = AF_INET
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo("127.0.0.1", "\(port)", &hints, &found) == 0, let found else { return false }
        defer { freeaddrinfo(found) }
        return Glibc.connect(descriptor, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0
    }
}
