extension UsageChanges {
    /// A counter row that changes, and by how much.
    public struct ShownRow: Sendable {
        public var table: UsageTable
        /// Projects by their slugs in the long form.
        public var key: RowKey
        public var change: Tally
    }

    /// The rows that change, sorted, in the order of the tables.
    ///
    /// - Parameter earlier: What came before; a project goes by the latest slug that either names.
    public func shownRows(after earlier: UsageChanges) -> [ShownRow] {
        let names = ProjectNames(earlier.projects + projects)
        return UsageTable.stored.flatMap { table in
            var merged: [RowKey: Tally] = [:]
            for (key, change) in rows[table] ?? [] {
                var shown = key
                if table.hasProject { shown.texts[0] = names.slug(of: key.texts[0], connection: key.connection) }
                merged[shown, default: Tally()].add(change)
            }
            return merged.filter { !$0.value.isZero }.sorted { $0.key < $1.key }.map {
                ShownRow(table: table, key: $0.key, change: $0.value)
            }
        }
    }
}
