/// A personal API token. No description, dump or mirror shows it.
public struct APIKey: Sendable {
    let bytes: [UInt8]

    /// - Throws: `empty_secret`; `invalid_key` where it has bytes that no header can carry.
    public init(_ bytes: [UInt8]) throws(CircleCIError) {
        guard !bytes.isEmpty else { throw CircleCIError(.emptySecret, "The API key must not be empty") }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw CircleCIError(
                .invalidKey,
                "The API key has bytes that no key has",
                hint: "give the token alone, without spaces or quotes"
            )
        }
        self.bytes = bytes
    }
}

/// A webhook's secret as it is told to CircleCI. No description, dump or mirror shows it.
public struct SigningSecretText: Sendable {
    let text: String

    public init(_ text: String) {
        self.text = text
    }
}

extension APIKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "APIKey" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension SigningSecretText: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SigningSecretText" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
