/// Hexadecimal digits as bytes.
public enum Hex {
    /// The value of one digit, either case; nil for any other byte.
    @inlinable
    public static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit &- UInt8(ascii: "a") &+ 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit &- UInt8(ascii: "A") &+ 10
        default: nil
        }
    }

    /// The lowercase digit of `value`, which must be below 16.
    @inlinable
    public static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ (value &- 10)
    }

    /// Decodes pairs of digits of either case; nil where the count is odd or a byte is no digit.
    public static func decode(_ digits: some Collection<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for digit in digits {
            guard let value = value(digit) else { return nil }
            if let upper = high {
                bytes.append(upper << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    /// Lowercase digits, two for each byte.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes {
            digits.append(digit(byte >> 4))
            digits.append(digit(byte & 0xf))
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Appends `value` as eight lowercase digits, the form of a checksum on the log.
    public static func append(_ value: UInt32, to bytes: inout [UInt8]) {
        for shift in stride(from: 28, through: 0, by: -4) {
            bytes.append(digit(UInt8(truncatingIfNeeded: value >> UInt32(shift)) & 0xf))
        }
    }

    /// `value` as eight lowercase digits.
    public static func string(_ value: UInt32) -> String {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `value` as 32 lowercase digits.
    public static func string(_ value: UInt128) -> String {
        encode((0..<16).map { UInt8(truncatingIfNeeded: value >> UInt128(120 - 8 * $0)) })
    }

    /// Exactly 32 digits of either case as a number; nil otherwise.
    public static func value128(_ digits: some StringProtocol) -> UInt128? {
        var text = String(digits)
        return text.withUTF8 { value128(UnsafeRawBufferPointer($0)) }
    }

    /// Exactly 32 digits of either case as a number; nil otherwise.
    public static func value128(_ digits: UnsafeRawBufferPointer) -> UInt128? {
        guard digits.count == 32 else { return nil }
        var result: UInt128 = 0
        for start in stride(from: 0, to: 32, by: 8) {
            let word = UInt64(littleEndian: digits.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            guard let value = value8(word) else { return nil }
            result = result &<< 32 | UInt128(value)
        }
        return result
    }

    /// Exactly eight lowercase digits as a number; nil otherwise.
    public static func checksum(_ digits: UnsafeRawBufferPointer) -> UInt32? {
        guard digits.count == 8 else { return nil }
        let word = UInt64(littleEndian: digits.loadUnaligned(as: UInt64.self))
        // Bit 6 is set in letters, bit 5 in small ones.
        guard word & (ones &* 0x40) & ~(word &<< 1) == 0 else { return nil }
        return value8(word)
    }

    /// Eight digits of either case, the first in the lowest byte, as a number; nil where one is no digit. All at once: ids
    /// and checksums are read of every record.
    @inline(__always)
    static func value8(_ digits: UInt64) -> UInt32? {
        // Bit 6 is set in letters and in no decimal digit.
        let letters = digits &>> 6 & ones
        var values = digits & (ones &* 0x0f) &+ letters &* 9
        // The upper half is 3 of a decimal digit, 4 or 6 of a letter; letters are worth 10 to 15, decimal digits less.
        guard (digits | letters &<< 5) & (ones &* 0xf0) == ones &* 0x30 &+ letters &* 0x30,
            (values &+ ones &* 6) & (ones &* 0xf0) == letters &<< 4, values & (ones &* 0xf0) == 0
        else { return nil }
        values = values.byteSwapped
        values = (values | values &>> 4) & 0x00ff_00ff_00ff_00ff
        values = (values | values &>> 8) & 0x0000_ffff_0000_ffff
        return UInt32(truncatingIfNeeded: values | values &>> 16)
    }

    @inline(__always)
    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
}
