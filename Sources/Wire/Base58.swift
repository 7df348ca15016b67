/// Base58 with the Bitcoin alphabet, in which CircleCI writes the UUIDs of App-style project slugs
/// (`circleci/<organization>/<project>`).
public enum Base58 {
    private static let alphabet = Array("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    /// A UUID's text, 21 or 22 characters but for UUIDs with leading zero bytes.
    public static func encode(_ uuid: UInt128) -> String {
        var digits: [UInt8] = []
        var rest = uuid
        while rest > 0 {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 58)
            digits.append(alphabet[Int(remainder)])
            rest = quotient
        }
        // Each leading zero byte is one leading digit of value zero.
        let zeroBytes = uuid == 0 ? 16 : uuid.leadingZeroBitCount / 8
        digits.append(contentsOf: repeatElement(alphabet[0], count: zeroBytes))
        return String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// The UUID of a text; nil for other characters and for anything that is not sixteen bytes.
    public static func decode(_ text: some StringProtocol) -> UInt128? {
        guard !text.isEmpty else { return nil }
        var value: UInt128 = 0
        for character in text.utf8 {
            guard let digit = alphabet.firstIndex(of: character) else { return nil }
            let (product, overflowed) = value.multipliedReportingOverflow(by: 58)
            let (sum, carried) = product.addingReportingOverflow(UInt128(digit))
            guard !overflowed, !carried else { return nil }
            value = sum
        }
        return encode(value).utf8.elementsEqual(text.utf8) ? value : nil
    }
}
