import Glibc

/// A system call that failed.
struct SystemError: Error, Sendable, CustomStringConvertible {
    let call: String
    let number: Int32

    /// The failure of the call just made on this thread.
    static func last(_ call: String) -> SystemError {
        SystemError(call: call, number: errno)
    }

    var description: String {
        var buffer = [CChar](repeating: 0, count: 128)
        _ = strerror_r(number, &buffer, buffer.count)
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(call): \(text), errno \(number)"
    }
}
