/// Finds places in an array by hashes of what stands there: open addressing with linear probing.
///
/// Swift's own hashing withstands a sender who chooses keys and costs most of what counting a record costs; ``Mixing``
/// with an unknown seed withstands one, too, and costs a few multiplications.
struct HashIndex: Sendable {
    /// The place and one in the lower half, the hash in the upper; 0 is a free slot. The count is a power of two.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var count = 0

    /// The place under `hash` of which `matches` is true; nil where there is none.
    @inline(__always)
    func place(_ hash: UInt32, where matches: (Int) -> Bool) -> Int? {
        slots.withUnsafeBufferPointer { slots in
            let mask = slots.count &- 1
            var slot = Int(hash) & mask
            while slots[slot] != 0 {
                let entry = slots[slot]
                if UInt32(truncatingIfNeeded: entry &>> 32) == hash {
                    let place = Int(UInt32(truncatingIfNeeded: entry)) &- 1
                    if matches(place) { return place }
                }
                slot = (slot &+ 1) & mask
            }
            return nil
        }
    }

    /// Adds a place, which must not be there yet.
    mutating func insert(_ place: Int, hash: UInt32) {
        if (count + 1) * 2 > slots.count { grow() }
        HashIndex.put(UInt64(hash) &<< 32 | UInt64(place &+ 1), into: &slots)
        count += 1
    }

    mutating func removeAll() {
        for slot in slots.indices { slots[slot] = 0 }
        count = 0
    }

    private mutating func grow() {
        var larger = [UInt64](repeating: 0, count: slots.count * 2)
        for entry in slots where entry != 0 { HashIndex.put(entry, into: &larger) }
        slots = larger
    }

    private static func put(_ entry: UInt64, into slots: inout [UInt64]) {
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: entry &>> 32) & mask
        while slots[slot] != 0 { slot = (slot &+ 1) & mask }
        slots[slot] = entry
    }
}

/// Hashes for ``HashIndex``. Committers choose branch names and senders choose ids: a seed that they do not know keeps
/// them from choosing collisions.
struct Mixing: Sendable {
    private let seed = UInt64.random(in: .min ... .max)

    @inline(__always)
    func hash(_ first: UInt64, _ second: UInt64 = 0) -> UInt32 {
        UInt32(truncatingIfNeeded: Mixing.mixed(Mixing.mixed(seed ^ first) ^ second))
    }

    @inline(__always)
    func hash(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) -> UInt32 {
        let half = Mixing.mixed(Mixing.mixed(seed ^ first) ^ second)
        return UInt32(truncatingIfNeeded: Mixing.mixed(Mixing.mixed(half ^ third) ^ fourth))
    }

    @inline(__always)
    func hash(_ text: UnsafeRawBufferPointer) -> UInt32 {
        var state = seed ^ UInt64(text.count)
        var index = 0
        while index &+ 8 <= text.count {
            state = Mixing.mixed(state ^ text.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        var rest: UInt64 = 0
        while index < text.count {
            rest = rest &<< 8 | UInt64(text[index])
            index &+= 1
        }
        return UInt32(truncatingIfNeeded: Mixing.mixed(state ^ rest))
    }

    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.high ^ product.low
    }
}
