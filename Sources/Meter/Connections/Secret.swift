import COpenSSL

/// Bytes that no description, dump or mirror shows.
public struct Secret: Sendable {
    let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes of a file or of standard input, of which one trailing newline is no part.
    public init(trimming bytes: [UInt8]) {
        var bytes = bytes
        if bytes.last == UInt8(ascii: "\n") {
            bytes.removeLast()
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        }
        self.bytes = bytes
    }

    public var isEmpty: Bool { bytes.isEmpty }
}

extension Secret: Equatable {
    /// Compares in a time that depends on the lengths only.
    public static func == (first: Secret, second: Secret) -> Bool {
        first.bytes.count == second.bytes.count
            && CRYPTO_memcmp(first.bytes, second.bytes, first.bytes.count) == 0
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "Secret" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
