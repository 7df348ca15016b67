import CircleCI
import Testing
import Wire

struct SignatureSecretTests {
    static let noon = Timestamp(microseconds: 1_800_000_000_000_000)
    static let body = Array("foo".utf8)

    func instant(_ seconds: Int64) -> Timestamp {
        Timestamp(microseconds: Self.noon.microseconds + seconds * 1_000_000)
    }

    func verdict(signedWith text: String, _ secrets: [WebhookSecret], at instant: Timestamp) throws -> SignatureVerdict
    {
        let header = try WebhookSignature.header(for: Self.body, secret: WebhookSecret(Array(text.utf8)))
        return WebhookSignature.verify(header: header, body: Self.body, secrets: secrets, at: instant)
    }

    @Test("A secret counts from its first instant until just before its last")
    func validity() throws {
        let secrets = try [WebhookSecret(Array("new".utf8), validFrom: instant(0), validUntil: instant(60))]
        #expect(try verdict(signedWith: "new", secrets, at: instant(-1)) == .mismatch)
        #expect(try verdict(signedWith: "new", secrets, at: instant(0)) == .valid)
        #expect(try verdict(signedWith: "new", secrets, at: instant(59)) == .valid)
        #expect(try verdict(signedWith: "new", secrets, at: instant(60)) == .mismatch)
    }

    @Test("While two secrets overlap, either is enough")
    func rotation() throws {
        let secrets = try [
            WebhookSecret(Array("old".utf8), validUntil: instant(60)),
            WebhookSecret(Array("new".utf8), validFrom: instant(0)),
        ]
        #expect(try verdict(signedWith: "old", secrets, at: instant(-1)) == .valid)
        #expect(try verdict(signedWith: "new", secrets, at: instant(-1)) == .mismatch)
        #expect(try verdict(signedWith: "old", secrets, at: instant(30)) == .valid)
        #expect(try verdict(signedWith: "new", secrets, at: instant(30)) == .valid)
        #expect(try verdict(signedWith: "old", secrets, at: instant(60)) == .mismatch)
        #expect(try verdict(signedWith: "new", secrets, at: instant(60)) == .valid)
        #expect(try verdict(signedWith: "other", secrets, at: instant(30)) == .mismatch)
    }

    @Test("Without any secret nothing is valid")
    func noSecrets() throws {
        #expect(try verdict(signedWith: "old", [], at: Self.noon) == .mismatch)
        #expect(WebhookSignature.verify(header: nil, body: Self.body, secrets: [], at: Self.noon) == .missing)
    }

    @Test("An empty secret is refused")
    func emptySecret() {
        let error = #expect(throws: CircleCIError.self) { try WebhookSecret([]) }
        #expect(error?.code == .emptySecret)
    }

    @Test("No description, dump or mirror shows a secret")
    func descriptions() throws {
        let text = "hunter123"
        let secret = try WebhookSecret(Array(text.utf8), validFrom: instant(0))
        var dumped = ""
        dump([secret], to: &dumped)
        let shown = "\(secret) \(String(reflecting: secret)) \([secret]) \(Optional(secret) as Any) \(dumped)"
        #expect(shown.contains("2027-01-15"))
        #expect(!shown.contains(text))
        #expect(!shown.contains(Array(text.utf8).description))
        #expect(!shown.contains("0x"))
        #expect(Mirror(reflecting: secret).children.map(\.label) == ["validFrom", "validUntil"])
    }
}
