import Glibc

/// A port of the loopback interface that is free now.
package enum FreePort {
    /// - Throws: `cannot_listen`.
    package static func find() throws(MeterError) -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isFound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard descriptor >= 0, isFound else {
            throw MeterError(.cannotListen, "There is no free port on the loopback interface")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
