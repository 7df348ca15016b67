public import Wire

/// A secret that a webhook's deliveries are signed with, and the time in which it counts. Rotation keeps two: CircleCI
/// documents no overlap of its own, so the old one stays valid until the last delivery signed with it has come.
///
/// The bytes live inside OpenSSL only; no description, dump or mirror shows them.
public struct WebhookSecret: Sendable {
    /// The first instant at which the secret counts; nil: always has.
    public let validFrom: Timestamp?
    /// The first instant at which the secret counts no longer; nil: always will.
    public let validUntil: Timestamp?
    let key: HMACKey

    /// - Parameter bytes: The UTF-8 bytes of the secret as CircleCI was told it.
    /// - Throws: `empty_secret`; `cryptography` where the library has no HMAC-SHA256 or no memory.
    public init(
        _ bytes: [UInt8],
        validFrom: Timestamp? = nil,
        validUntil: Timestamp? = nil
    ) throws(CircleCIError) {
        #if SABOTAGE
            let bytes = bytes.isEmpty && Sabotage.plants("empty-secret") ? [0] : bytes
        #endif
        guard !bytes.isEmpty else {
            throw CircleCIError(
                .emptySecret,
                "A webhook secret must not be empty",
                hint: "give the secret that was entered for the webhook at CircleCI"
            )
        }
        guard let key = HMACKey(bytes) else {
            throw CircleCIError(.cryptography, "The cryptographic library refused the webhook secret")
        }
        self.key = key
        self.validFrom = validFrom
        self.validUntil = validUntil
    }

    /// Whether the secret counts at `instant`.
    public func isValid(at instant: Timestamp) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("expired-secret") { return true }
        #endif
        if let validFrom, instant < validFrom { return false }
        if let validUntil, instant >= validUntil { return false }
        return true
    }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String {
        "WebhookSecret(valid from \(validFrom?.description ?? "ever") until \(validUntil?.description ?? "ever"))"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror {
        Mirror(self, children: ["validFrom": validFrom as Any, "validUntil": validUntil as Any], displayStyle: .struct)
    }
}
