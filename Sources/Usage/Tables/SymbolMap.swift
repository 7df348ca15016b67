/// A key of ``SymbolMap``: a few numbers that are hashed as they are.
protocol SymbolMapKey: Equatable, Sendable {
    func hash(_ mixing: Mixing) -> UInt32
}

/// Values by keys of symbols, in the order in which they came.
struct SymbolMap<Key: SymbolMapKey, Value: Sendable>: Sendable {
    private(set) var keys: [Key] = []
    private var values: [Value] = []
    private var index = HashIndex()
    private let mixing = Mixing()

    var count: Int { keys.count }

    @inline(__always)
    func value(_ key: Key) -> Value? { place(key).map { values[$0] } }

    /// Changes the value of `key`, which is `initial` where there was none.
    @inline(__always)
    mutating func change<Result>(
        _ key: Key,
        initially initial: @autoclosure () -> Value,
        _ body: (inout Value) -> Result
    ) -> Result {
        let hash = key.hash(mixing)
        if let place = index.place(hash, where: { keys[$0] == key }) { return body(&values[place]) }
        index.insert(keys.count, hash: hash)
        keys.append(key)
        values.append(initial())
        return body(&values[values.count - 1])
    }

    mutating func set(_ value: Value, for key: Key) {
        change(key, initially: value) { $0 = value }
    }

    /// Calls `body` with each value, which it may change.
    mutating func forEach(_ body: (Key, inout Value) -> Void) {
        for place in keys.indices { body(keys[place], &values[place]) }
    }

    mutating func removeAll() {
        keys.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        index.removeAll()
    }

    @inline(__always)
    private func place(_ key: Key) -> Int? { index.place(key.hash(mixing)) { keys[$0] == key } }
}

extension Symbol: SymbolMapKey {
    func hash(_ mixing: Mixing) -> UInt32 { mixing.hash(UInt64(index)) }
}
