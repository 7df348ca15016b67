internal import CircleCI
import Synchronization
import Wire

/// The connections, kept in `connections.json` inside the data directory with every secret sealed, and in memory for
/// the receiver, which looks one up for each delivery.
///
/// A change is on disk before it is visible. Several processes may change the file (the commands do when no service
/// runs): each change reads the file again under a lock of its own; a process sees another's changes after its next
/// change or ``reload()``.
public final class ConnectionStore: Sendable {
    private struct Entry {
        var connection: Connection
        var secrets: [CircleCI.WebhookSecret]
    }

    private let file: ConnectionFile
    private let queue = BlockingQueue(label: "circlemeter.connections")
    private let entries = Mutex<[String: Entry]>([:])

    private init(_ file: ConnectionFile) {
        self.file = file
    }

    /// Reads the connections; no file is no connections.
    ///
    /// - Parameters:
    ///   - dataDirectory: A directory that exists.
    ///   - vault: Opens what is sealed in the file, and seals what is written.
    /// - Throws: `unreadable_file`, `permissions_too_wide`, `sealed_with_another_key`, `sealed_value_damaged`.
    public static func open(dataDirectory: String, vault: Vault) async throws(MeterError) -> ConnectionStore {
        let store = ConnectionStore(ConnectionFile(dataDirectory: dataDirectory, vault: vault))
        try await store.reload()
        return store
    }

    /// Takes over what the file holds now.
    ///
    /// - Throws: As ``open(dataDirectory:vault:)``; what was known before then stays.
    public func reload() async throws(MeterError) {
        try await queue.run { [self] () throws(MeterError) in
            publish(try ConnectionStore.entries(of: try file.read()))
        }
    }

    /// Every connection, by id.
    public func list() -> [Connection] {
        entries.withLock { $0.values.map(\.connection) }.sorted { $0.id < $1.id }
    }

    /// The connection of that id; nil where there is none.
    public func get(_ id: String) -> Connection? {
        entries.withLock { $0[id]?.connection }
    }

    /// - Throws: `connection_exists`, what ``Connection`` refuses, `unwritable_file`; nothing has changed then.
    public func add(_ connection: Connection) async throws(MeterError) {
        try await change { connections throws(MeterError) in
            guard connections[connection.id] == nil else {
                throw MeterError(
                    .connectionExists,
                    "There is a connection of that id already",
                    at: connection.id,
                    hint: "remove it first, or choose another id"
                )
            }
            connections[connection.id] = connection
        }
    }

    /// Changes a connection.
    ///
    /// - Throws: `unknown_connection`, what ``Connection`` refuses, `unwritable_file`; nothing has changed then.
    public func update(
        _ id: String,
        _ body: @escaping @Sendable (inout Connection) -> Void
    ) async throws(MeterError) {
        try await change { connections throws(MeterError) in
            guard var connection = connections[id] else { throw ConnectionStore.unknown(id) }
            body(&connection)
            connections[id] = connection
        }
    }

    /// Writes everything anew, sealed under the vault's own key, so that retired ones are no longer needed.
    ///
    /// - Throws: `unwritable_file`; nothing has changed then.
    public func reseal() async throws(MeterError) {
        try await change { _ in }
    }

    /// Forgets a connection, its key and its secrets. What is on the log stays.
    ///
    /// - Throws: `unknown_connection`, `unwritable_file`; nothing has changed then.
    public func remove(_ id: String) async throws(MeterError) {
        try await change { connections throws(MeterError) in
            guard connections.removeValue(forKey: id) != nil else { throw ConnectionStore.unknown(id) }
        }
    }

    /// The secrets of a connection, of any time; nil where there is no such connection. Never blocks for long: for each
    /// delivery.
    func webhookSecrets(of id: some StringProtocol) -> [CircleCI.WebhookSecret]? {
        entries.withLock { $0[String(id)]?.secrets }
    }

    private func change(
        _ body: @escaping @Sendable (inout [String: Connection]) throws(MeterError) -> Void
    ) async throws(MeterError) {
        try await queue.run { [self] () throws(MeterError) in
            let lock = try FileLock(file.path + ".lock")
            defer { lock.release() }
            var connections = try file.read()
            try body(&connections)
            for connection in connections.values { try connection.validate() }
            let entries = try ConnectionStore.entries(of: connections)
            try file.write(connections)
            publish(entries)
        }
    }

    private func publish(_ entries: [String: Entry]) {
        self.entries.withLock { $0 = entries }
    }

    private static func entries(of connections: [String: Connection]) throws(MeterError) -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for (id, connection) in connections {
            var secrets: [CircleCI.WebhookSecret] = []
            for secret in connection.webhookSecrets {
                do throws(CircleCIError) {
                    secrets.append(
                        try CircleCI.WebhookSecret(
                            secret.secret.bytes,
                            validFrom: secret.validFrom,
                            validUntil: secret.validUntil
                        )
                    )
                } catch {
                    throw MeterError(
                        error.code == .emptySecret ? .emptySecret : .cryptography,
                        "A webhook secret cannot be used",
                        at: id,
                        cause: error
                    )
                }
            }
            entries[id] = Entry(connection: connection, secrets: secrets)
        }
        return entries
    }

    private static func unknown(_ id: String) -> MeterError {
        MeterError(
            .unknownConnection,
            "There is no connection of that id",
            at: Connection.isValidId(id) ? id : nil,
            hint: "circlemeter connection list shows all"
        )
    }
}
