import CircleCI
import Dispatch
import Testing
import Wire

/// The vectors are those of CircleCI's page on outbound webhooks, section "Validate outbound webhooks".
struct SignatureTests {
    static let documented: [(body: String, secret: String, digest: String)] = [
        ("hello world", "secret", "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
        ("lalala", "another-secret", "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
        (
            "an-important-request-payload", "hunter123",
            "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa"
        ),
        ("foo", "secret", "773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"),
    ]
    static let noon = Timestamp(microseconds: 1_800_000_000_000_000)
    static let right = "773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"
    static let wrong = "773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db5"

    func verdict(
        _ header: String?,
        body: String = "foo",
        secrets: [WebhookSecret]? = nil,
        at instant: Timestamp = noon
    ) throws -> SignatureVerdict {
        let secrets = try secrets ?? [WebhookSecret(Array("secret".utf8))]
        return WebhookSignature.verify(header: header, body: Array(body.utf8), secrets: secrets, at: instant)
    }

    @Test("Every documented vector is reproduced and accepted", arguments: documented)
    func documentedVectors(body: String, secret: String, digest: String) throws {
        let secret = try WebhookSecret(Array(secret.utf8))
        #expect(WebhookSignature.header(for: Array(body.utf8), secret: secret) == "v1=\(digest)")
        #expect(try verdict("v1=\(digest)", body: body, secrets: [secret]) == .valid)
    }

    @Test("The documented invalid signature is refused")
    func documentedInvalidSignature() throws {
        #expect(try verdict("v1=not-a-valid-signature") == .mismatch)
    }

    @Test("A newline after the body changes the signature")
    func trailingNewline() throws {
        #expect(try verdict("v1=\(Self.right)", body: "foo\n") == .mismatch)
    }

    @Test("An empty body has a signature, too")
    func emptyBody() throws {
        let secret = try WebhookSecret(Array("secret".utf8))
        let header = WebhookSignature.header(for: [], secret: secret)
        // Python: hmac.new(b"secret", b"", "sha256").hexdigest()
        #expect(header == "v1=f9e66e179b6747ae54108f82f8ade8b3c25d76fd30afde6c395822c530196169")
        #expect(try verdict(header, body: "") == .valid)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        #expect(WebhookSignature.verify(header: header, body: nothing, secrets: [secret], at: Self.noon) == .valid)
    }

    @Test("A secret longer than the hash's block is hashed first")
    func longSecret() throws {
        // RFC 4231, test case 6.
        let secret = try WebhookSecret([UInt8](repeating: 0xaa, count: 131))
        let body = Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        let header = WebhookSignature.header(for: body, secret: secret)
        #expect(header == "v1=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test(
        "One v1 that fits is enough, whatever stands around it",
        arguments: [
            "v1=\(right)",
            "v1=\(right.uppercased())",
            " v1=\(right)",
            "v1=\(right)\t ",
            "v1=\(right),",
            ",v1=\(right)",
            "v1=\(right),,",
            "v1=\(right),v2=\(wrong)",
            "v2=0, v1=\(right)",
            "v0=\(wrong),v1=\(right),v3=x",
            "v1=\(wrong),v1=\(right)",
            "v1=\(right),v1=\(wrong)",
            "v1=\(right),v1=\(right)",
            "v1=nonsense,v1=\(right)",
            "v1=,v1=\(right)",
            "nonsense, v1=\(right)",
            "=,v1=\(right)",
        ]
    )
    func accepted(header: String) throws {
        #expect(try verdict(header) == .valid)
    }

    @Test(
        "A header without a v1 of 32 bytes that fits is a mismatch",
        arguments: [
            "v1=\(wrong)",
            "v1=",
            "v1",
            "v1=\(right.dropLast(2))",
            "v1=\(right)00",
            "v1=00\(right)",
            "v1=\(right.dropLast())",
            "v1=\(right)0",
            "v1=0x\(right.dropFirst(2))",
            "v1= \(right)",
            "v1 =\(right)",
            "v1=\(right) x",
            "v1=\"\(right)\"",
            "v1==\(right)",
            "v1:\(right)",
            "V1=\(right)",
            "v01=\(right)",
            "v2=\(right)",
            "v11=\(right)",
            "sha256=\(right)",
            "v1=sha256=\(right)",
            right,
            ",",
            " , ",
            "=",
            "v1=\(right);v2=x",
            "v1=\(right.dropLast())é",
            "v1=\(String(repeating: "０", count: 64))",
            "v1=\(String(repeating: "é", count: 32))",
        ]
    )
    func refused(header: String) throws {
        #expect(try verdict(header) == .mismatch)
    }

    @Test("No header and an empty header are a missing signature", arguments: [nil, "", " ", "\t "] as [String?])
    func missing(header: String?) throws {
        #expect(try verdict(header) == .missing)
    }

    @Test("A digest that differs in any one bit is refused")
    func everyBit() throws {
        let digest = try #require(Hex.decode(Array(Self.right.utf8)))
        for bit in 0..<256 {
            var changed = digest
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(try verdict("v1=\(Hex.encode(changed))") == .mismatch)
        }
    }

    @Test("Calls from many threads at once agree")
    func manyThreads() throws {
        let secrets = try [WebhookSecret(Array("secret".utf8)), WebhookSecret(Array("another-secret".utf8))]
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for (body, _, digest) in Self.documented.filter({ $0.secret != "hunter123" }) {
                for _ in 0..<200 {
                    let verdict = WebhookSignature.verify(
                        header: "v1=\(digest)",
                        body: Array(body.utf8),
                        secrets: secrets,
                        at: Self.noon
                    )
                    #expect(verdict == .valid)
                }
            }
        }
    }
}
