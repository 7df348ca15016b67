internal import CPageChecksum
import GRDB
import Usage

#if SABOTAGE
    import Wire
#endif

/// Knows a `usage.sqlite` that is not as it was written. Every page has a checksum, so that what rots is met as an error
/// and never as another number; the snapshot is derived, so that the cure is to make it anew.
enum SnapshotDamage {
    /// Once, before the first database is opened.
    private static let registration = page_checksum_register()

    /// Has checksums checked from now on.
    static func keepChecksums() throws {
        guard registration == done else { throw DatabaseError(resultCode: ResultCode(rawValue: registration)) }
    }

    /// In a database that has no content yet.
    static func beginChecksums(_ database: Database) throws {
        let code = database.sqliteConnection.map { page_checksum_begin($0) } ?? done
        guard code == done else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }

    /// - Throws: `damaged_snapshot` where there are no checksums, which all stores have.
    static func expectChecksums(_ database: Database) throws {
        guard let connection = database.sqliteConnection, page_checksum_is_checked(connection) else {
            throw MeterError(.damagedSnapshot, "The snapshot has no checksums", hint: hint)
        }
    }

    static func isDamage(_ error: any Error) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("unreadable-runs-no-damage"), error is UsageError { return false }
        #endif
        return switch error {
        case let error as MeterError: error.code == .damagedSnapshot
        // Stored state that was taken for readable pages, and is none.
        case is UsageError: true
        case let error as DatabaseError:
            [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
                || [.SQLITE_IOERR_DATA, .SQLITE_IOERR_SHORT_READ].contains(error.extendedResultCode)
        default: false
        }
    }

    /// Damage under its own name, with the file and what to do; any other error as it is.
    static func named(_ error: any Error, at path: String?) -> any Error {
        guard isDamage(error), (error as? MeterError)?.location == nil else { return error }
        return MeterError(
            .damagedSnapshot,
            "The snapshot is not as it was written",
            at: path,
            cause: error,
            hint: hint
        )
    }

    fileprivate static let hint = "nothing is lost: a running service makes it anew, else circlemeter replay"
    private static var done: Int32 { ResultCode.SQLITE_OK.rawValue }
}

extension UsageStore {
    /// Reads every page, whether anybody asks for it or not. Takes as long as reading the file.
    ///
    /// - Throws: `damaged_snapshot`.
    func check() throws {
        do {
            let found = try database.read { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
            guard found == "ok" else {
                throw MeterError(
                    .damagedSnapshot,
                    "The tables do not hang together",
                    at: path,
                    hint: SnapshotDamage.hint
                )
            }
        } catch {
            throw SnapshotDamage.named(error, at: path)
        }
    }
}
