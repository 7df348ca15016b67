import GRDB
import Usage

/// How the store calls persons.
extension UsageStore {
    /// ``PersonPolicy/fingerprint`` of what its names were made with.
    func personFingerprint() throws -> String { try database.read(UsageStore.personFingerprint) }

    static func personFingerprint(_ database: Database) throws -> String {
        try String.fetchOne(database, sql: "SELECT fingerprint FROM person_policy") ?? Snapshot.plainPersonPolicy
    }

    /// To be called before the first record is counted.
    func setPersonFingerprint(_ fingerprint: String) throws {
        try database.write { database in
            try database.execute(sql: "DELETE FROM person_policy")
            try database.execute(sql: "INSERT INTO person_policy VALUES (?)", arguments: [fingerprint])
        }
    }
}
