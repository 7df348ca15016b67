import Glibc

/// A connection of the plain kind, in calls that block: for threads of their own.
enum RawSocket {
    enum Ending {
        /// Send all, say that there is no more, and read to the end.
        case half
        /// Send all and go away.
        case close
        /// Send all and break off, as a process that is killed.
        case reset
    }

    struct Trouble: Error, CustomStringConvertible {
        var description: String
    }

    /// Seconds after which a side that says nothing hangs.
    private static let patience = 60

    /// What the other side said, for as long as it was listened to.
    /// - Throws: where there was no connection, or the other side does not end it.
    static func exchange(_ bytes: [UInt8], port: Int, _ ending: Ending = .half) throws(Trouble) -> [UInt8] {
        let descriptor = try connected(port)
        defer { close(descriptor) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            // The other side may have answered and ended already.
            guard count > 0 else { break }
            sent += count
        }
        switch ending {
        case .close: return []
        case .reset:
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            return []
        case .half: shutdown(descriptor, Int32(SHUT_WR))
        }
        return try readAll(descriptor)
    }

    static func connected(_ port: Int) throws(Trouble) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Trouble(description: "no socket: \(errno)") }
        var time = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            throw Trouble(description: "no connection: \(number)")
        }
        return descriptor
    }

    static func readAll(_ descriptor: Int32) throws(Trouble) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN { throw Trouble(description: "the other side hangs") }
                throw Trouble(description: "the connection was reset (\(errno)) after \(bytes.count) bytes")
            }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
