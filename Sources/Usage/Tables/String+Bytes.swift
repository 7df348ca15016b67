internal import Glibc

// Swift's strings are equal, and in order, by canonical equivalence; keys are so by their bytes.
extension String {
    func precedesInBytes(_ other: String) -> Bool { orderInBytes(to: other) < 0 }

    func hasBytes(of other: String) -> Bool { utf8.count == other.utf8.count && orderInBytes(to: other) == 0 }

    /// Below zero where this text's bytes come first, above it where the other's do.
    func orderInBytes(to other: String) -> Int {
        let order = utf8.withContiguousStorageIfAvailable { mine in
            other.utf8.withContiguousStorageIfAvailable { theirs in
                let common = min(mine.count, theirs.count)
                if common > 0, let mine = mine.baseAddress, let theirs = theirs.baseAddress {
                    let order = memcmp(mine, theirs, common)
                    if order != 0 { return Int(order) }
                }
                return mine.count - theirs.count
            }
        }
        if let order, let order { return order }
        // No text of Swift's own is kept otherwise.
        return utf8.elementsEqual(other.utf8) ? 0 : utf8.lexicographicallyPrecedes(other.utf8) ? -1 : 1
    }
}

extension [String] {
    /// By the first texts that differ.
    func precedesInBytes(_ other: [String]) -> Bool {
        for index in 0..<Swift.min(count, other.count) {
            let order = self[index].orderInBytes(to: other[index])
            if order != 0 { return order < 0 }
        }
        return false
    }

    func hasBytes(of other: [String]) -> Bool {
        count == other.count && indices.allSatisfy { self[$0].hasBytes(of: other[$0]) }
    }
}

extension Hasher {
    /// A text's bytes and its end.
    mutating func combine(bytesOf text: String) {
        var text = text
        text.withUTF8 { combine(bytes: UnsafeRawBufferPointer($0)) }
        combine(UInt8(0xff))
    }
}
