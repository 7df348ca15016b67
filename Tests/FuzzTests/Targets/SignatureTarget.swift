import CircleCI
import Wire

/// A header is valid exactly if a plain reading of it finds the right digest.
///
/// The input is a header, a line end, a body. In the header `%d` stands for the right digits, `%D` for them in capitals,
/// and `%x` for those of another secret.
enum SignatureTarget {
    private static let time = Timestamp(microseconds: 1_795_335_368_123_000)

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        let parts = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let body = parts.count > 1 ? Array(parts[1]) : []
        let secret = try WebhookSecret(Array("correct horse".utf8))
        let other = try WebhookSecret(Array("battery staple".utf8))
        let digits = WebhookSignature.header(for: body, secret: secret).dropFirst(3)
        var header = String(decoding: parts[0], as: UTF8.self)
        for (mark, text) in [
            ("%d", String(digits)), ("%D", digits.uppercased()),
            ("%x", String(WebhookSignature.header(for: body, secret: other).dropFirst(3))),
        ] {
            header = header.split(separator: mark, omittingEmptySubsequences: false).joined(separator: text)
        }
        let verdict = WebhookSignature.verify(header: header, body: body, secrets: [secret], at: time)
        try require(verdict == expected(header, String(digits)), "the verdict is \(verdict)")
        let none = WebhookSignature.verify(header: header, body: body, secrets: [], at: time)
        try require(none != .valid, "valid without a secret")
        let changed = body + [0]
        let ofOther = WebhookSignature.verify(header: header, body: changed, secrets: [secret], at: time)
        let right = String(WebhookSignature.header(for: changed, secret: secret).dropFirst(3))
        try require(ofOther == expected(header, right), "the verdict on another body is \(ofOther)")
    }

    private static func expected(_ header: String, _ digits: String) -> SignatureVerdict {
        func trimmed(_ text: [UInt8]) -> [UInt8] {
            var text = text[...]
            while text.first == 0x20 || text.first == 0x09 { text = text.dropFirst() }
            while text.last == 0x20 || text.last == 0x09 { text = text.dropLast() }
            return Array(text)
        }
        if trimmed(Array(header.utf8)).isEmpty { return .missing }
        let members = header.utf8.split(separator: UInt8(ascii: ",")).map { trimmed(Array($0)) }
        let isThere = members.contains { member in
            guard member.starts(with: "v1=".utf8) else { return false }
            let value = member.dropFirst(3).map { (65...70).contains($0) ? $0 + 32 : $0 }
            return value.elementsEqual(digits.utf8)
        }
        return isThere ? .valid : .mismatch
    }
}
