import Wire

/// What is known of each project's completeness: the latest reconciliation and the job numbers told. Like a run it is a
/// function of the set of events.
struct ReconciliationLedger: Sendable {
    struct Key: Hashable, Sendable {
        var connection: Symbol
        var project: Symbol
    }

    private var latest: [Key: ProjectReconciliation] = [:]
    private var changed: Set<Key> = []
    private var numbers: [Key: NumberSet] = [:]
    private var changedNumbers: Set<Key> = []

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
        if numbers[key, default: NumberSet()].insert(UInt32(truncatingIfNeeded: number)) { changedNumbers.insert(key) }
    }

    mutating func restore(_ stored: ProjectReconciliation, symbols: inout SymbolTable) {
        latest[key(stored.connection, stored.project, &symbols)] = stored
    }

    mutating func restore(_ stored: ProjectNumbers, symbols: inout SymbolTable) {
        numbers[key(stored.connection, stored.project, &symbols)] = stored.numbers
    }

    mutating func takeChanges() -> [ProjectReconciliation] {
        defer { changed.removeAll(keepingCapacity: true) }
        return changed.compactMap { latest[$0] }
    }

    mutating func takeNumbers(symbols: SymbolTable) -> [ProjectNumbers] {
        defer { changedNumbers.removeAll(keepingCapacity: true) }
        return changedNumbers.compactMap { key in
            numbers[key].map {
                ProjectNumbers(
                    connection: symbols.string(key.connection),
                    project: symbols.string(key.project),
                    numbers: $0
                )
            }
        }
    }

    private func key(_ connection: String, _ project: String, _ symbols: inout SymbolTable) -> Key {
        Key(connection: symbols.intern(connection), project: symbols.intern(project))
    }
}
