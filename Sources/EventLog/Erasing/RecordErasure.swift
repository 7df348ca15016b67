import Wire

/// What of a record's body is to be erased.
public struct RecordErasure: Sendable {
    /// Texts without their quotes, in the body as it was appended. In order, none over another.
    public let texts: [Range<Int>]
    /// A text whose hexadecimal digits may be overwritten, too, where nothing else lets the checksum stay what it is; nil:
    /// there is none.
    public let reserve: Range<Int>?

    public init(texts: [Range<Int>], reserve: Range<Int>? = nil) {
        var joined: [Range<Int>] = []
        for text in texts.sorted(by: { $0.lowerBound < $1.lowerBound }) where !text.isEmpty {
            if let last = joined.last, text.lowerBound < last.upperBound {
                joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, text.upperBound)
            } else {
                joined.append(text)
            }
        }
        self.texts = joined
        self.reserve = reserve
    }
}

extension LogRecord {
    /// Whether the signature was overwritten when something was erased: it could no longer fit the body.
    public var isSignatureErased: Bool {
        let digits = signatureDigits
        return !digits.isEmpty && digits.allSatisfy { ErasedText.isErased(line[$0]) }
    }

    /// The line with the texts erased, as long as it was and with the checksum that it had; nil where that cannot be.
    ///
    /// ``ErasedText`` leaves bits of each text free, and so do the digits of the signature, which is of no use once the
    /// body has changed: these are chosen so that the checksum stays. The signature's are used first, then those of texts
    /// that are whole: equal texts, and what they are a part of, such as a branch, stay equal as far as can be. Where the
    /// body is in base64 only the signature's are.
    func erased(_ erasure: RecordErasure) -> [UInt8]? {
        var bytes = Array(line.dropLast(LineTrailer.byteCount))
        let checksum = CRC32C.checksum(bytes)
        var free: [Int] = []
        for range in signatureDigits {
            for position in range { bytes[position] = ErasedText.filler }
            free += range.dropFirst()
        }
        if isBase64 {
            guard eraseInBase64(erasure.texts, in: &bytes) else { return nil }
        } else {
            let ranges = erasure.texts.map { (event.lowerBound + $0.lowerBound)..<(event.lowerBound + $0.upperBound) }
            for range in ranges { for position in range { bytes[position] = ErasedText.filler } }
            for isWhole in [true, false] {
                for range in ranges where isQuoted(range) == isWhole { free += range.dropFirst() }
            }
        }
        if !fit(&bytes, to: checksum, flipping: free) {
            guard let reserve = erasure.reserve, !isBase64 else { return nil }
            for position in reserve.map({ event.lowerBound + $0 }) where Hex.value(bytes[position]) != nil {
                bytes[position] = ErasedText.filler
                free.append(position)
            }
            guard fit(&bytes, to: checksum, flipping: free) else { return nil }
        }
        return bytes + line.suffix(LineTrailer.byteCount)
    }

    /// Whether a text in the line is all that stands between its quotes.
    private func isQuoted(_ range: Range<Int>) -> Bool {
        line[range.lowerBound - 1] == UInt8(ascii: "\"") && line[range.upperBound] == UInt8(ascii: "\"")
    }

    private func fit(_ bytes: inout [UInt8], to checksum: UInt32, flipping free: [Int]) -> Bool {
        CRC32C.fit(&bytes, to: checksum, flipping: free, bits: ErasedText.freeBits)
    }

    private func eraseInBase64(_ texts: [Range<Int>], in bytes: inout [UInt8]) -> Bool {
        guard var body = Base64.decode(UnsafeRawBufferPointer(rebasing: line[event])) else { return false }
        for text in texts { for position in text { body[position] = ErasedText.filler } }
        var encoded: [UInt8] = []
        body.withUnsafeBytes { Base64.append($0, to: &encoded) }
        bytes.replaceSubrange(event, with: encoded)
        return true
    }

    /// Where in the line the digits of the signatures stand that count, `v1=` and 64 of them, erased or not.
    private var signatureDigits: [Range<Int>] {
        guard let signatureText else { return [] }
        let raw = signatureText.raw(in: line)
        var ranges: [Range<Int>] = []
        var index = 0
        while index + 3 + 64 <= raw.count {
            let digits = (index + 3)..<(index + 3 + 64)
            guard raw[index] == UInt8(ascii: "v"), raw[index + 1] == UInt8(ascii: "1"),
                raw[index + 2] == UInt8(ascii: "="),
                raw[digits].allSatisfy({ Hex.value($0) != nil || ErasedText.isFilled($0) })
            else {
                index += 1
                continue
            }
            let start = Int(signatureText.start)
            ranges.append((start + digits.lowerBound)..<(start + digits.upperBound))
            index = digits.upperBound
        }
        return ranges
    }
}
