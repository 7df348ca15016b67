import GRDB
import Synchronization
import Usage
import Wire

/// The sums of a store's days that are kept in memory. Several readers may ask at once; what is missing is added up by
/// one of them at a time, a few days each turn, so that nobody waits for all that another one needs.
final class KeptSums: Sendable {
    /// Days that are added up in one turn: a few hundred milliseconds where 3,000 jobs run on each.
    static let daysPerTurn = 8

    private let memory: Mutex<SumsMemory>
    private let turns = TurnLock()

    init(budgetBytes: Int = SumsMemory.usualBudgetBytes) {
        memory = Mutex(SumsMemory(budgetBytes: budgetBytes))
    }

    /// What is kept, in bytes.
    var byteCount: Int { memory.withLock { $0.byteCount } }

    /// Reads sums within a transaction. Blocking.
    func reading(_ store: UsageStore, _ database: Database) -> Reading {
        Reading(sums: self, store: store, database: database)
    }

    struct Reading {
        fileprivate let sums: KeptSums
        let store: UsageStore
        let database: Database

        /// The sums of a range, for the connections that have any.
        /// - Parameter byMonth: whether whole months come as one.
        func parts(_ kind: SumsKind, _ range: ReportRange, byMonth: Bool) throws -> [PlacedSums] {
            let spans = DaySpan.spans(of: range.days)
            var parts: [PlacedSums] = []
            for (connection, versions) in try UsageStore.dayVersions(range, database) {
                for span in spans where span.isMonth && byMonth {
                    guard let version = versions.version(of: span) else { continue }
                    let sums = try month(kind, connection, span, version, versions)
                    parts.append(PlacedSums(connection: connection, span: span, sums: sums))
                }
                let single = spans.filter { !byMonth || !$0.isMonth }.flatMap { versions.days(of: $0) }
                parts += try days(kind, connection, single, versions)
            }
            return parts
        }

        /// Adds up days of a range of which the sums are not kept, as many as in one turn.
        /// - Returns: whether all were kept already.
        func addMissing(_ kind: SumsKind, _ range: ReportRange, byMonth: Bool) throws -> Bool {
            for (connection, versions) in try UsageStore.dayVersions(range, database) {
                // A month that is kept needs none of its days.
                let spans = DaySpan.spans(of: range.days)
                let wanted = byMonth ? spans : spans.flatMap { versions.days(of: $0).map { DaySpan(day: $0) } }
                let needed = wanted.filter { span in
                    versions.version(of: span).map { !isKept(kind, connection, span, $0) } ?? false
                }
                let missing = kept(kind, connection, needed.flatMap { versions.days(of: $0) }, versions).missing
                if let first = missing.first {
                    let some = missing.prefix { $0 < first.adding(days: KeptSums.daysPerTurn) }
                    _ = try sums.turns.withLock { try count(kind, connection, Array(some), versions) }
                    return false
                }
                for span in needed where span.isMonth {
                    guard let version = versions.version(of: span) else { continue }
                    _ = try month(kind, connection, span, version, versions)
                }
            }
            return true
        }

        private func isKept(
            _ kind: SumsKind,
            _ connection: String,
            _ span: DaySpan,
            _ version: DayVersions.Version
        ) -> Bool {
            sums.memory.withLock { $0.sums(kind, connection: connection, span: span, version: version) } != nil
        }

        private func month(
            _ kind: SumsKind,
            _ connection: String,
            _ span: DaySpan,
            _ version: DayVersions.Version,
            _ versions: DayVersions
        ) throws -> PartialSums {
            let kept = sums.memory.withLock { $0.sums(kind, connection: connection, span: span, version: version) }
            if let kept { return kept }
            let days = try days(kind, connection, versions.days(of: span), versions)
            let sum = PartialSums.sum(days.map(\.sums))
            sums.memory.withLock {
                $0.keep(month: sum, kind, connection: connection, span: span, version: version)
            }
            return sum
        }

        /// - Parameter days: that have versions, in order.
        private func days(
            _ kind: SumsKind,
            _ connection: String,
            _ days: [Day],
            _ versions: DayVersions
        ) throws -> [PlacedSums] {
            var (parts, missing) = kept(kind, connection, days, versions)
            while let first = missing.first {
                // Near each other, since all days between are read.
                let some = missing.prefix { $0 < first.adding(days: KeptSums.daysPerTurn) }
                parts += try sums.turns.withLock { try count(kind, connection, Array(some), versions) }
                missing.removeFirst(some.count)
            }
            return parts
        }

        /// Adds up days, unless somebody has done it by now.
        private func count(
            _ kind: SumsKind,
            _ connection: String,
            _ days: [Day],
            _ versions: DayVersions
        ) throws -> [PlacedSums] {
            var (parts, missing) = kept(kind, connection, days, versions)
            guard let first = missing.first, let last = missing.last else { return parts }
            let filter = SnapshotFilter(connection: connection, from: first, to: last, tables: kind.tables)
            let counted = CountedDay.days(kind, of: try store.snapshot(filter, in: database))
            sums.memory.withLock { memory in
                for day in missing {
                    let span = DaySpan(day: day)
                    guard let version = versions.version(of: span) else { continue }
                    let sum = memory.named(counted[day] ?? CountedDay())
                    memory.keep(sum, kind, connection: connection, span: span, version: version)
                    parts.append(PlacedSums(connection: connection, span: span, sums: sum))
                }
            }
            return parts
        }

        /// The sums of those days of which they are kept, and the other days.
        private func kept(
            _ kind: SumsKind,
            _ connection: String,
            _ days: [Day],
            _ versions: DayVersions
        ) -> (parts: [PlacedSums], missing: [Day]) {
            sums.memory.withLock { memory in
                var parts: [PlacedSums] = []
                var missing: [Day] = []
                for day in days {
                    let span = DaySpan(day: day)
                    guard let version = versions.version(of: span) else { continue }
                    let kept = memory.sums(kind, connection: connection, span: span, version: version)
                    if let kept {
                        parts.append(PlacedSums(connection: connection, span: span, sums: kept))
                    } else {
                        missing.append(day)
                    }
                }
                return (parts, missing)
            }
        }
    }
}
