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
    }

    private var characters: [UInt8] = []
    private var entries = [Entry(start: 0, count: 0)]
    private var index = HashIndex()
    private let mixing = Mixing()

    /// The symbol of UTF-8 characters.
    mutating func intern(_ text: UnsafeRawBufferPointer) -> Symbol {
        guard text.count > 0 else { return .none }
        let hash = mixing.hash(text)
        let known = index.place(hash) { entries[$0].count == text.count && holds(text, at: entries[$0].start) }
        if let known { return Symbol(index: UInt32(known)) }
        index.insert(entries.count, hash: hash)
        entries.append(Entry(start: characters.count, count: text.count))
        characters.append(contentsOf: text)
        return Symbol(index: UInt32(entries.count - 1))
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
}
