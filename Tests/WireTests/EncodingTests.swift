import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Wire

struct EncodingTests {
    /// Organization and project of CircleCI's documented GitLab sample: slug and ids name the same things.
    @Test func `the slug of an App project spells its ids`() throws {
        let organization = try #require(Identity.uuid("66491562-90a9-4065-9249-4b0ce3b77452"))
        let project = try #require(Identity.uuid("2a68fe5f-2fe5-4d4f-91e1-15f111116743"))
        #expect(Base58.encode(organization) == "DdaVtNusHqi24D4YT3X4eu")
        #expect(Base58.encode(project) == "6EkDPZoN4ZdMKKZtBkRodt")
        #expect(Base58.decode("6EkDPZoN4ZdMKKZtBkRodt") == project)
    }

    @Test(arguments: ["", "0", "O", "l", "I", "6EkDPZoN4ZdMKKZtBkRodt0", "zzzzzzzzzzzzzzzzzzzzzzz", "2"])
    func `what is not sixteen bytes of base58 is no id`(_ text: String) {
        #expect(Base58.decode(text) == nil)
    }

    @Test(arguments: 0..<100)
    func `ids and bytes survive the way there and back`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let shift = UInt128.random(in: 0..<128, using: &generator)
        let value = UInt128.random(in: .min ... .max, using: &generator) >> shift
        #expect(Base58.decode(Base58.encode(value)) == value, "seed \(seed)")
        #expect(Identity.uuid(Identity.uuidString(value)) == value, "seed \(seed)")
        #expect(Identity.of(Identity.uuidString(value).uppercased()) == value, "seed \(seed)")
        let bytes = (0..<Int(round % 40)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString(), "seed \(seed)")
        #expect(Base64.decode(Base64.encode(bytes)) == bytes, "seed \(seed)")
        #expect(Hex.decode(Array(Hex.encode(bytes).utf8)) == bytes, "seed \(seed)")
    }

    @Test(arguments: ["A", "AA", "AAA", "AA=A", "A===", "AB==", "AAB=", "AA\n=", "AA=="].dropLast())
    func `base64 that no encoder writes is refused`(_ text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `any other byte anywhere in a UUID makes it another id`() throws {
        let text = Array("01234567-89ab-cdef-ABCD-ef0123456789".utf8)
        let value = try #require(text.withUnsafeBytes { Identity.uuid($0) })
        #expect(Identity.uuidString(value) == "01234567-89ab-cdef-abcd-ef0123456789")
        for index in text.indices {
            for byte in UInt8.min ... .max {
                var changed = text
                changed[index] = byte
                let isDash = [8, 13, 18, 23].contains(index)
                let isValid = isDash ? byte == UInt8(ascii: "-") : Hex.value(byte) != nil
                let parsed = changed.withUnsafeBytes { Identity.uuid($0) }
                #expect((parsed != nil) == isValid, "byte \(byte) at \(index)")
                guard let parsed, !isDash else { continue }
                let isSame = Hex.value(byte) == Hex.value(text[index])
                #expect((parsed == value) == isSame, "byte \(byte) at \(index)")
            }
        }
    }

    @Test func `ids that are no UUIDs keep apart`() {
        let ids = (0..<10_000).map { "test-event-\($0)" } + ["", "a", "b"]
        #expect(Set(ids.map(Identity.of)).count == ids.count)
    }
}
