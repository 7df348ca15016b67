extension CRC32C {
    /// Flips some of the free bits of `bytes` so that their checksum becomes `checksum`.
    ///
    /// A checksum is linear: what flipping a bit changes in it depends on the bit's place alone, and what flipping several
    /// changes is the exclusive or of these. So the bits to flip are the solution of 32 equations, which a little more than
    /// 32 free bits have nearly always.
    ///
    /// - Parameters:
    ///   - positions: Of bytes with free bits; the first ones are taken before the last ones.
    ///   - freeBits: Those of each such byte.
    /// - Returns: False where no choice of bits does it; `bytes` is then as it was.
    public static func fit(
        _ bytes: inout [UInt8],
        to checksum: UInt32,
        flipping positions: some Sequence<Int>,
        bits freeBits: UInt8
    ) -> Bool {
        let present = CRC32C.checksum(bytes)
        var equations = Equations()
        var flips: [(position: Int, bit: UInt8)] = []
        search: for position in positions {
            for shift in 0..<8 where freeBits & (1 << UInt8(shift)) != 0 {
                if equations.solution(of: present ^ checksum) != nil { break search }
                let bit = UInt8(1) << UInt8(shift)
                bytes[position] ^= bit
                let change = CRC32C.checksum(bytes) ^ present
                bytes[position] ^= bit
                if equations.add(change, name: flips.count) { flips.append((position, bit)) }
            }
        }
        guard let chosen = equations.solution(of: present ^ checksum) else { return false }
        for (index, flip) in flips.enumerated() where chosen & (1 << UInt32(index)) != 0 {
            bytes[flip.position] ^= flip.bit
        }
        return true
    }
}

/// Independent vectors of 32 bits, kept so that another one is told as a sum of them.
private struct Equations {
    /// By the place of its highest bit: a sum of vectors, and which these are.
    private var rows = [(value: UInt32, names: UInt32)?](repeating: nil, count: 32)

    /// Takes a vector in; false where it is a sum of those that are there. There are 32 names at most.
    mutating func add(_ vector: UInt32, name: Int) -> Bool {
        let (rest, names) = reduced(vector)
        guard rest != 0 else { return false }
        rows[31 - rest.leadingZeroBitCount] = (rest, names ^ 1 << UInt32(name))
        return true
    }

    /// The vectors whose sum is `vector`, as bits by name; nil where it is no sum of them.
    func solution(of vector: UInt32) -> UInt32? {
        let (rest, names) = reduced(vector)
        return rest == 0 ? names : nil
    }

    private func reduced(_ vector: UInt32) -> (rest: UInt32, names: UInt32) {
        var (rest, names): (UInt32, UInt32) = (vector, 0)
        for place in (0..<32).reversed() where rest & (1 << UInt32(place)) != 0 {
            guard let row = rows[place] else { continue }
            rest ^= row.value
            names ^= row.names
        }
        return (rest, names)
    }
}
