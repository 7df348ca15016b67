package import EventLog
package import Usage
package import Wire

/// Makes the snapshot anew from the log while no service runs, or only looks at what would come of it.
///
/// Calls block; make them off the cooperative pool.
package struct Replay {
    private let directory: DataDirectory

    package init(_ directory: DataDirectory) {
        self.directory = directory
    }

    /// Replays the log.
    /// - Parameters:
    ///   - sequence: the last record to count; nil: all.
    ///   - isDryRun: whether the published snapshot stays as it is.
    ///   - people: how persons are called; nil: as the data directory has it.
    ///   - readsRows: whether the rows of the snapshot are wanted, which takes about a sixth of the time.
    ///   - progress: false gives up; the published snapshot is then as it was.
    /// - Returns: the snapshot that came of it; nil where it was given up.
    package func run(
        to sequence: Int?,
        isDryRun: Bool,
        people: PersonPolicy? = nil,
        readsRows: Bool = true,
        progress: (ReplayProgress) -> Bool
    ) throws -> Snapshot? {
        let rebuild = Rebuild(
            directory: directory,
            isDryRun: isDryRun,
            people: try people ?? PersonPolicy.load(directory)
        )
        guard let store = try rebuild.run(to: sequence, progress: progress) else { return nil }
        let snapshot = readsRows ? try store.snapshot() : try store.snapshotWithoutRows()
        if isDryRun {
            try store.close()
            try UsageStore.remove(store.path)
        } else {
            try rebuild.publish(store)
        }
        return snapshot
    }

    /// The published snapshot; nil where there is none that this program can read.
    package func published(connection: String? = nil, from: Day? = nil, to: Day? = nil) throws -> Snapshot? {
        guard let store = try UsageStore(path: directory.usage, purpose: .reading) else { return nil }
        defer { try? store.close() }
        do {
            return try store.snapshot(SnapshotFilter(connection: connection, from: from, to: to))
        } catch {
            throw SnapshotDamage.named(error, at: directory.usage)
        }
    }

    /// The position that the published snapshot has, to be held against the log's end.
    package func publishedPosition() throws -> LogPosition? {
        guard let store = try UsageStore(path: directory.usage, purpose: .reading) else { return nil }
        defer { try? store.close() }
        return try store.position()
    }
}

extension UsageStore {
    /// The position alone.
    fileprivate func snapshotWithoutRows() throws -> Snapshot {
        let position = try position().map { SnapshotPosition(sequence: $0.sequence, crc: $0.crc) }
        var parts = SnapshotParts()
        parts.position = position
        parts.reducerVersion = reducerVersion
        parts.personPolicy = try personFingerprint()
        return Snapshot(parts)
    }
}

/// Rows in which two snapshots differ.
package struct SnapshotDifference {
    package struct Line {
        /// Only in the first (or other there), or only in the second.
        package var isFirst: Bool
        package var table: UsageTable
        /// The row in its canonical form.
        package var json: String
    }

    package private(set) var lines: [Line] = []

    package init(_ first: Snapshot, _ second: Snapshot) {
        for table in UsageTable.allCases {
            let mine = Dictionary(uniqueKeysWithValues: first[table].map { ($0.key, $0) })
            let theirs = Dictionary(uniqueKeysWithValues: second[table].map { ($0.key, $0) })
            for key in Set(mine.keys).union(theirs.keys).sorted() where mine[key]?.tally != theirs[key]?.tally {
                if let row = mine[key] { add(row, table, first, isFirst: true) }
                if let row = theirs[key] { add(row, table, second, isFirst: false) }
            }
        }
    }

    private mutating func add(_ row: Snapshot.Row, _ table: UsageTable, _ snapshot: Snapshot, isFirst: Bool) {
        lines.append(Line(isFirst: isFirst, table: table, json: snapshot.canonicalText(of: row, table)))
    }
}
