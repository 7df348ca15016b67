public import Wire

/// What a delivery's signature header says about its body.
public enum SignatureVerdict: Hashable, Sendable {
    /// Signed under a secret that counts now.
    case valid
    /// No header, or an empty one: CircleCI sends none where a webhook has no secret.
    case missing
    /// A header, and no v1 in it that fits.
    case mismatch
}

/// The header `circleci-signature`: a comma list of `version=value`, of which `v1` is the HMAC-SHA256 of the raw body in
/// hexadecimal, keyed with the webhook's secret (circleci.com/docs/guides/integration/outbound-webhooks).
public enum WebhookSignature {
    /// Checks a delivery's signature. One `v1` of exactly 32 bytes that matches under one secret valid at `instant` is
    /// enough; other versions are ignored, so that nobody can choose a weaker one. Safe to call from any thread.
    ///
    /// White space around the members of the list and hexadecimal digits of either case are accepted, which CircleCI
    /// neither sends nor rules out; nothing else is.
    ///
    /// - Parameters:
    ///   - header: The header's value; where the header comes more than once, the values joined with commas. Nil where
    ///     there is none.
    ///   - body: The body's bytes as received.
    ///   - secrets: The secrets of the connection, of any time.
    ///   - instant: When the delivery was received.
    public static func verify(
        header: String?,
        body: UnsafeRawBufferPointer,
        secrets: [WebhookSecret],
        at instant: Timestamp
    ) -> SignatureVerdict {
        guard let header, !header.utf8.allSatisfy(isBlank) else { return .missing }
        #if SABOTAGE
            if Sabotage.plants("signature-compared-to-the-shorter"), header.count > 3,
                secrets.contains(where: { Self.header(for: Array(body), secret: $0).hasPrefix(header) })
            {
                return .valid
            }
        #endif
        let claimed = claimedDigests(in: header)
        guard !claimed.isEmpty else { return .mismatch }
        for secret in secrets where secret.isValid(at: instant) {
            let digest = secret.key.digest(of: body)
            if claimed.contains(where: { HMACKey.areEqual($0, digest) }) { return .valid }
            #if SABOTAGE
                if Sabotage.plants("first-secret-only") { return .mismatch }
            #endif
        }
        return .mismatch
    }

    /// As above, for a body held as an array.
    public static func verify(
        header: String?,
        body: [UInt8],
        secrets: [WebhookSecret],
        at instant: Timestamp
    ) -> SignatureVerdict {
        body.withUnsafeBytes { verify(header: header, body: $0, secrets: secrets, at: instant) }
    }

    /// The header that CircleCI sends with `body`: `v1=` and 64 lowercase digits. The secret's validity plays no part.
    public static func header(for body: [UInt8], secret: WebhookSecret) -> String {
        let digest = body.withUnsafeBytes { secret.key.digest(of: $0) }
        return withUnsafeBytes(of: digest) { "v1=" + Hex.encode($0) }
    }

    /// The digests that a header's `v1` members state; those that do not spell 32 bytes are left out.
    private static func claimedDigests(in header: String) -> [HMACKey.Digest] {
        var header = header
        return header.withUTF8 { bytes in
            var digests: [HMACKey.Digest] = []
            for member in bytes.split(separator: UInt8(ascii: ",")) {
                var member = UnsafeBufferPointer(rebasing: member)
                while let first = member.first, isBlank(first) { member = .init(rebasing: member.dropFirst()) }
                while let last = member.last, isBlank(last) { member = .init(rebasing: member.dropLast()) }
                #if SABOTAGE
                    if Sabotage.plants("any-signature-version"), member.count == 3 + 64, member[0] == UInt8(ascii: "v"),
                        let digest = digest(of: UnsafeBufferPointer(rebasing: member[3...]))
                    {
                        digests.append(digest)
                    }
                #endif
                guard member.count == 3 + 64, member.starts(with: "v1=".utf8),
                    let digest = digest(of: UnsafeBufferPointer(rebasing: member[3...]))
                else { continue }
                digests.append(digest)
            }
            return digests
        }
    }

    private static func digest(of digits: UnsafeBufferPointer<UInt8>) -> HMACKey.Digest? {
        var digest = HMACKey.Digest()
        for index in 0..<32 {
            guard let high = Hex.value(digits[2 * index]), let low = Hex.value(digits[2 * index + 1]) else {
                return nil
            }
            digest[index] = high << 4 | low
        }
        return digest
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
    }
}
