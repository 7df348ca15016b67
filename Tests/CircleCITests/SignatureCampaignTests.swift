import CircleCI
import TestSupport
import Testing
import Wire

@testable import FakeCircleCI

/// The signature header against an oracle that knows neither the product's reading nor its cryptography.
struct SignatureCampaignTests {
    private struct Secret {
        var bytes: [UInt8]
        var from: Int64?
        var until: Int64?
    }

    @Test func `the oracle's HMAC is that of RFC 4231`() {
        let short = ReferenceHMAC.digest(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Hex.encode(short) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let text = "Test Using Larger Than Block-Size Key - Hash Key First"
        let long = ReferenceHMAC.digest(Array(text.utf8), key: [UInt8](repeating: 0xaa, count: 131))
        #expect(Hex.encode(long) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func `whatever stands in the header, only a whole v1 of a secret that counts is valid`() throws {
        let campaign = Campaign("signatures", unit: "cases", short: 5000)
        while let seed = campaign.nextSeed() {
            var generator = SeededGenerator(seed: seed)
            let now: Int64 = 1_800_000_000_000_000
            let secrets = (0..<generator.integer(in: 0...3)).map { _ in secret(&generator, now) }
            let signed = (0..<generator.element(of: [0, 1, 5, 55, 56, 63, 64, 65, 200])).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            var body = signed
            if !body.isEmpty, generator.chance(0.15) {
                body[generator.integer(in: 0...(body.count - 1))] ^= 1 << UInt8(generator.integer(in: 0...7))
                campaign.count("bodies changed by a bit")
            }
            let stranger = Secret(bytes: [UInt8(ascii: "s")] + (secrets.first?.bytes ?? []))
            let keys = (secrets + [stranger]).map { ReferenceHMAC.digest(signed, key: $0.bytes) }
            let header = generator.chance(0.02) ? nil : header(&generator, keys)
            let verdict = WebhookSignature.verify(
                header: header,
                body: body,
                secrets: try secrets.map {
                    try WebhookSecret(
                        $0.bytes,
                        validFrom: $0.from.map { Timestamp(microseconds: $0) },
                        validUntil: $0.until.map { Timestamp(microseconds: $0) }
                    )
                },
                at: Timestamp(microseconds: now)
            )
            let expected = oracle(header, body, secrets, now)
            #expect(verdict == expected, "seed \(seed): \((header ?? "none").debugDescription)")
            campaign.count("\(expected)")
        }
        campaign.finish()
    }

    private func secret(_ generator: inout SeededGenerator, _ now: Int64) -> Secret {
        let count = generator.element(of: [1, 8, 32, 63, 64, 65, 131])
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let times: [Int64?] = [nil, nil, now - 1, now, now + 1, .min, .max]
        return Secret(bytes: bytes, from: generator.element(of: times), until: generator.element(of: times))
    }

    private func header(_ generator: inout SeededGenerator, _ digests: [[UInt8]]) -> String {
        if generator.chance(0.03) {
            return generator.element(of: ["", " ", "\t", ",", " , ,", "=", "v1", "v1=", "\u{a0}"])
        }
        var members: [String] = []
        for _ in 0..<generator.element(of: [1, 1, 1, 2, 3, 8]) { members.append(member(&generator, digests)) }
        if generator.chance(0.02) { members.append(String(repeating: "v1=0,", count: 3000)) }
        if generator.chance(0.02) { members.insert("v1=" + String(repeating: "a", count: 20_000), at: 0) }
        let separators = [",", ",", ", ", " ,", ",,", "\t,\t", ",  ", ";", " ", ",\n"]
        let first = generator.element(of: separators)
        // One that separates nothing spoils both of its neighbours.
        var text = members[0]
        for member in members.dropFirst() { text += (generator.chance(0.7) ? "," : first) + member }
        return generator.element(of: ["", "", "", " ", "\t", ","]) + text
            + generator.element(of: ["", "", "", " ", ","])
    }

    private func member(_ generator: inout SeededGenerator, _ digests: [[UInt8]]) -> String {
        let right = Hex.encode(generator.element(of: digests))
        let random = Hex.encode((0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
        var digits = Array(right)
        let place = generator.integer(in: 0...63)
        switch generator.integer(in: 0...21) {
        case 0...5: break
        case 6: digits = Array(right.uppercased())
        case 7: digits = digits.map { generator.chance(0.5) ? Character($0.uppercased()) : $0 }
        case 8: digits[place] = digits[place] == "0" ? "1" : "0"
        case 9: digits[place] = generator.element(of: ["g", "G", "/", ":", "@", "`", " ", "é", "０", "\0", "-"])
        case 10: digits.removeLast()
        case 11: digits.removeLast(2)
        case 12: digits.append("0")
        case 13: digits += ["0", "0"]
        case 14: digits.insert(contentsOf: ["0", "0"], at: 0)
        case 15: digits = []
        case 16: digits = Array(random)
        case 17: digits.insert(" ", at: place)
        case 18: digits = Array("0x" + right.dropFirst(2))
        case 19: digits = Array(right.prefix(32))
        case 20: digits += Array(random)
        default: digits = Array("\"\(right)\"")
        }
        let versions = [
            "v1=", "v1=", "v1=", "v1=", "v1=", "v1=", "v1=", "v2=", "v0=", "V1=", "v1", "v11=", "v1==", "v1 =", "v1= ",
            " v1=", "v01=", "", "=", "sha256=", "v1:", "v\u{131}=", "v1=v1=",
        ]
        return generator.element(of: versions) + String(digits)
    }

    private func oracle(_ header: String?, _ body: [UInt8], _ secrets: [Secret], _ now: Int64) -> SignatureVerdict {
        let blanks: Set<Unicode.Scalar> = [" ", "\t"]
        guard let header, header.unicodeScalars.contains(where: { !blanks.contains($0) }) else { return .missing }
        let counting = secrets.filter { ($0.from ?? .min) <= now && ($0.until.map { now < $0 } ?? true) }
        let right = Set(counting.map { "v1=" + Hex.encode(ReferenceHMAC.digest(body, key: $0.bytes)) })
        for member in header.unicodeScalars.split(separator: ",") {
            var scalars = Array(member)
            while let first = scalars.first, blanks.contains(first) { scalars.removeFirst() }
            while let last = scalars.last, blanks.contains(last) { scalars.removeLast() }
            // The version is exact; digits are of either case, and of ASCII only.
            let text = scalars.enumerated().map { index, scalar in
                index > 2 && ("A"..."F").contains(scalar) ? Unicode.Scalar(scalar.value + 32)! : scalar
            }
            if right.contains(String(String.UnicodeScalarView(text))) { return .valid }
        }
        return .mismatch
    }
}
