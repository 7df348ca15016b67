/// Opaque ids held as 128 bits. A UUID in any case is its own value; any other text (CircleCI promises no form, and
/// some ids are not UUIDs) is the 128-bit FNV-1a hash of its bytes.
public enum Identity {
    /// The identity of an id's bytes.
    public static func of(_ text: UnsafeRawBufferPointer) -> UInt128 {
        uuid(text) ?? hash(text)
    }

    /// The identity of an id.
    public static func of(_ text: String) -> UInt128 {
        var text = text
        return text.withUTF8 { of(UnsafeRawBufferPointer($0)) }
    }

    /// The value of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` in either case; nil for any other text.
    public static func uuid(_ text: UnsafeRawBufferPointer) -> UInt128? {
        guard text.count == 36, text[8] == UInt8(ascii: "-"), text[13] == UInt8(ascii: "-"),
            text[18] == UInt8(ascii: "-"), text[23] == UInt8(ascii: "-")
        else { return nil }
        func eight(_ start: Int) -> UInt64 {
            UInt64(littleEndian: text.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        }
        func four(_ start: Int) -> UInt64 {
            UInt64(UInt32(littleEndian: text.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
        }
        guard let first = Hex.value8(eight(0)), let second = Hex.value8(four(9) | four(14) &<< 32),
            let third = Hex.value8(four(19) | four(24) &<< 32), let fourth = Hex.value8(eight(28))
        else { return nil }
        let high = UInt64(first) &<< 32 | UInt64(second)
        let low = UInt64(third) &<< 32 | UInt64(fourth)
        return UInt128(high) << 64 | UInt128(low)
    }

    /// The value of a UUID string; nil for any other text.
    public static func uuid(_ text: String) -> UInt128? {
        var text = text
        return text.withUTF8 { uuid(UnsafeRawBufferPointer($0)) }
    }

    /// The lowercase UUID of a value.
    public static func uuidString(_ value: UInt128) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(36)
        for position in 0..<32 {
            if position == 8 || position == 12 || position == 16 || position == 20 { digits.append(UInt8(ascii: "-")) }
            digits.append(Hex.digit(UInt8(truncatingIfNeeded: value >> UInt128(124 - position * 4)) & 0xf))
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Mixes one identity into another, in order: `combine(a, b)` is not `combine(b, a)`.
    public static func combine(_ first: UInt128, _ second: UInt128) -> UInt128 {
        ((first ^ fnvOffset) &* fnvPrime &+ second ^ (first >> 64)) &* fnvPrime
    }

    private static let fnvOffset: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
    private static let fnvPrime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b

    private static func hash(_ text: UnsafeRawBufferPointer) -> UInt128 {
        var hash = fnvOffset
        for byte in text { hash = (hash ^ UInt128(byte)) &* fnvPrime }
        return hash
    }
}
