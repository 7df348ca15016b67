import Wire

/// A text held once and named by a number. The empty text is `Symbol.none`.
struct Symbol: Hashable, Sendable {
    let index: UInt32

    static let none = Symbol(index: 0)
    var isNone: Bool { index == 0 }
}

/// Texts by symbol and symbols by text. Symbols are numbered as they come, so they never reach an output.
struct SymbolTable: Sendable {
    private struct Entry {
        var start: Int
        var count: Int
        var hash: UInt64
    }

    private var characters: [UInt8] = []
    private var entries = [Entry(start: 0, count: 0, hash: 0)]
    /// Open addressing with linear probing; 0 is a free slot. The count is a power of two.
    private var slots = [UInt32](repeating: 0, count: 1024)
    /// Committers choose branch names: an unknown seed keeps them from choosing collisions.
    private let seed = UInt64.random(in: .min ... .max)

    /// The symbol of UTF-8 characters.
    mutating func intern(_ text: UnsafeRawBufferPointer) -> Symbol {
        guard text.count > 0 else { return .none }
        let hash = hash(text)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
        while slots[slot] != 0 {
            let index = slots[slot]
            let entry = entries[Int(index)]
            if entry.hash == hash, entry.count == text.count, holds(text, at: entry.start) {
                return Symbol(index: index)
            }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        let index = UInt32(entries.count)
        entries.append(Entry(start: characters.count, count: text.count, hash: hash))
        characters.append(contentsOf: text)
        slots[slot] = index
        if entries.count > slots.count / 2 { grow() }
        return Symbol(index: index)
    }

    mutating func intern(_ text: String) -> Symbol {
        // SQLite ends a text at a zero byte, so names that differ behind one would become one key.
        var text = text.utf8.contains(0) ? text.replacing("\u{0}", with: "\u{fffd}") : text
        return text.withUTF8 { intern(UnsafeRawBufferPointer($0)) }
    }

    mutating func intern(_ text: JSONText?, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let text else { return .none }
        guard text.isEscaped else { return intern(text.raw(in: body)) }
        return intern(text.string(in: body))
    }

    func string(_ symbol: Symbol) -> String {
        let entry = entries[Int(symbol.index)]
        return String(decoding: characters[entry.start..<(entry.start + entry.count)], as: UTF8.self)
    }

    func utf8(_ symbol: Symbol) -> ArraySlice<UInt8> {
        let entry = entries[Int(symbol.index)]
        return characters[entry.start..<(entry.start + entry.count)]
    }

    /// The order of the texts' bytes.
    func precedes(_ first: Symbol, _ second: Symbol) -> Bool {
        first != second && utf8(first).lexicographicallyPrecedes(utf8(second))
    }

    private func holds(_ text: UnsafeRawBufferPointer, at start: Int) -> Bool {
        characters.withUnsafeBytes { held in
            var index = 0
            while index &+ 8 <= text.count {
                let first = held.loadUnaligned(fromByteOffset: start &+ index, as: UInt64.self)
                guard first == text.loadUnaligned(fromByteOffset: index, as: UInt64.self) else { return false }
                index &+= 8
            }
            while index < text.count {
                guard held[start &+ index] == text[index] else { return false }
                index &+= 1
            }
            return true
        }
    }

    private func hash(_ text: UnsafeRawBufferPointer) -> UInt64 {
        var state = seed ^ UInt64(text.count)
        var index = 0
        while index &+ 8 <= text.count {
            state = mixed(state ^ text.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            index &+= 8
        }
        var rest: UInt64 = 0
        while index < text.count {
            rest = rest &<< 8 | UInt64(text[index])
            index &+= 1
        }
        return mixed(state ^ rest)
    }

    @inline(__always)
    private func mixed(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        return product.high ^ product.low
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for index in 1..<entries.count {
            var slot = Int(truncatingIfNeeded: entries[index].hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(index)
        }
    }
}
