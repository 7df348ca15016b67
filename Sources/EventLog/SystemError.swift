import Glibc

/// A system call that failed.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the call, as in `fdatasync`.
    public let call: String
    /// The value of `errno`.
    public let number: Int32

    public init(call: String, number: Int32) {
        self.call = call
        self.number = number
    }

    public var description: String { "\(call): \(String(cString: strerror(number))) (\(number))" }

    /// Whether room is missing: the disk or a quota is full.
    public var isOutOfSpace: Bool { number == ENOSPC || number == EDQUOT }
}
