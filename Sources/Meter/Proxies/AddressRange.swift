/// Addresses that begin alike: `10.0.0.0/8`, `2001:db8::/32`, or a single one.
struct AddressRange: Hashable, Sendable {
    let first: IPAddress
    let prefixBits: Int

    /// Nil where `text` is no range; one with bits set behind its prefix is none, since it is a slip.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        let all = address.bytes.count * 8
        guard parts.count == 2 else {
            (first, prefixBits) = (address, all)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(parts[1]), bits <= all else {
            return nil
        }
        (first, prefixBits) = (address, bits)
        guard (bits..<all).allSatisfy({ address.bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) == 0 }) else { return nil }
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == first.bytes.count else { return false }
        return (0..<prefixBits).allSatisfy { bit in
            (address.bytes[bit / 8] ^ first.bytes[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }
}
