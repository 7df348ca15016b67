public import Wire

/// The record up to which a snapshot counts.
public struct SnapshotPosition: Hashable, Sendable {
    public var sequence: Int
    public var crc: UInt32

    public init(sequence: Int, crc: UInt32) {
        self.sequence = sequence
        self.crc = crc
    }
}

/// All counters at a log position: a function of the set of events up to it.
public struct Snapshot: Sendable {
    public struct Row: Sendable {
        public var key: RowKey
        public var tally: Tally
    }

    public struct Connection: Sendable {
        public var state: ConnectionState
        public var projectCount: Int
        /// The instant through which every project that was ever reconciled is; nil where none was.
        public var reconciledThrough: Timestamp?
    }

    public var position: SnapshotPosition?
    /// ``Reducer/version`` of the reducer that counted.
    public var reducerVersion: Int
    public var connections: [Connection]
    private let names: ProjectNames
    /// Sorted by key; projects by slug in the long form.
    public private(set) var rows: [UsageTable: [Row]] = [:]

    /// - Parameters:
    ///   - rows: as stored, with projects by id; in any order.
    ///   - projects: every sighting of a project, to show ids by their latest slug.
    public init(
        position: SnapshotPosition?,
        reducerVersion: Int = Reducer.version,
        rows: [UsageTable: [(RowKey, Tally)]],
        projects: [ProjectName],
        connections: [ConnectionState],
        reconciliations: [ProjectReconciliation] = []
    ) {
        self.position = position
        self.reducerVersion = reducerVersion
        let names = ProjectNames(projects)
        self.names = names
        var through: [String: Timestamp] = [:]
        for entry in reconciliations {
            let mark = entry.reconciliation.through
            through[entry.connection] = min(mark, through[entry.connection] ?? mark)
        }
        self.connections = connections.sorted { $0.connection.precedesInBytes($1.connection) }.map { state in
            Connection(
                state: state,
                projectCount: names.projectCount(connection: state.connection),
                reconciledThrough: through[state.connection]
            )
        }
        for table in UsageTable.allCases {
            var merged: [RowKey: Tally] = [:]
            for (key, tally) in rows[table] ?? [] {
                var shown = key
                if table.hasProject {
                    shown.texts[0] = names.slug(of: key.texts[0], connection: key.connection)
                }
                merged[shown, default: Tally()].add(tally)
            }
            self.rows[table] = merged.filter { !$0.value.isZero }.map { Row(key: $0.key, tally: $0.value) }
                .sorted { $0.key < $1.key }
        }
    }

    /// The rows of a table.
    public subscript(table: UsageTable) -> [Row] { rows[table] ?? [] }

    /// The display name of a project; empty where no event gave one.
    public func projectName(connection: String, slug: String) -> String {
        names.name(connection: connection, slug: slug)
    }

    /// Only what concerns the given connection and days; nil means all, both days are included.
    public func filtered(connection: String?, from: Day?, to: Day?) -> Snapshot {
        var filtered = self
        if let connection { filtered.connections = connections.filter { $0.state.connection == connection } }
        for table in UsageTable.allCases {
            filtered.rows[table] = self[table].filter { row in
                let first = table == .people ? from.map(\.firstOfMonth) : from
                return (connection.map { $0 == row.key.connection } ?? true)
                    && (first.map { $0 <= row.key.day } ?? true)
                    && (to.map { row.key.day <= $0 } ?? true)
            }
        }
        return filtered
    }
}

extension Day {
    /// The first day of this day's month.
    public var firstOfMonth: Day {
        let (year, month, _) = civil
        return Day(year: year, month: month, day: 1) ?? self
    }
}
