import Wire

/// What is known of each project's completeness: the latest reconciliation and the job numbers told. Like a run it is a
/// function of the set of events.
struct ReconciliationLedger: Sendable {
    struct Key: Hashable, SymbolMapKey {
        var connection: Symbol
        var project: Symbol

        func hash(_ mixing: Mixing) -> UInt32 {
            mixing.hash(UInt64(connection.index) << 32 | UInt64(project.index))
        }
    }

    private struct Numbers: Sendable {
        var set = NumberSet()
        var isChanged = false
    }

    private var latest: [Key: ProjectReconciliation] = [:]
    private var changed: Set<Key> = []
    private var numbers = SymbolMap<Key, Numbers>()

    /// Takes in one event; what was missing before and is now, where that changed.
    mutating func see(
        _ candidate: ProjectReconciliation,
        key: Key
    ) -> (before: [Reconciliation.MissingItem], after: [Reconciliation.MissingItem])? {
        for number in candidate.reconciliation.explained { see(number: Int64(number), key: key) }
        let known = latest[key]
        if let known, !known.precedes(candidate) { return nil }
        latest[key] = candidate
        changed.insert(key)
        return (known?.reconciliation.missing ?? [], candidate.reconciliation.missing)
    }

    /// Takes in the number of a job.
    @inline(__always)
    mutating func see(number: Int64?, key: Key) {
        guard let number, number > 0, number < Int64(UInt32.max) else { return }
        numbers.change(key, initially: Numbers()) {
            if $0.set.insert(UInt32(truncatingIfNeeded: number)) { $0.isChanged = true }
        }
    }

    mutating func restore(_ stored: ProjectReconciliation, symbols: inout SymbolTable) {
        latest[key(stored.connection, stored.project, &symbols)] = stored
    }

    mutating func restore(_ stored: ProjectNumbers, symbols: inout SymbolTable) {
        numbers.set(Numbers(set: stored.numbers), for: key(stored.connection, stored.project, &symbols))
    }

    mutating func takeChanges() -> [ProjectReconciliation] {
        defer { changed.removeAll(keepingCapacity: true) }
        return changed.compactMap { latest[$0] }
    }

    mutating func takeNumbers(symbols: SymbolTable) -> [ProjectNumbers] {
        var taken: [ProjectNumbers] = []
        numbers.forEach { key, numbers in
            guard numbers.isChanged else { return }
            numbers.isChanged = false
            taken.append(
                ProjectNumbers(
                    connection: symbols.string(key.connection),
                    project: symbols.string(key.project),
                    numbers: numbers.set
                )
            )
        }
        return taken
    }

    private func key(_ connection: String, _ project: String, _ symbols: inout SymbolTable) -> Key {
        Key(connection: symbols.intern(connection), project: symbols.intern(project))
    }
}
