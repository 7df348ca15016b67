import EventLog
import Foundation
import Wire

/// Connections changed and read while no service runs.
package enum OfflineConnections {
    /// Adds a connection and says so on the log.
    package static func add(_ connection: Connection, directory: DataDirectory) async throws {
        try directory.make()
        let store = try await open(directory)
        try await store.add(connection)
        let path = directory.log
        let log = try await onOwnThread("circlemeter.log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        do {
            _ = try await log.append(ConnectionEvent.added(connection))
        } catch {
            // Known and silent would be worse than unknown: the command can simply be repeated.
            try? await store.remove(connection.id)
            await log.close()
            throw error
        }
        await log.close()
    }

    /// All connections, by id.
    package static func list(directory: DataDirectory) async throws -> [Connection] {
        guard FileManager.default.fileExists(atPath: directory.path) else {
            throw MeterError(.unreadableFile, "There is no such data directory", at: directory.path)
        }
        return try await open(directory).list()
    }

    static func open(_ directory: DataDirectory) async throws -> ConnectionStore {
        let setting = ProcessInfo.processInfo.environment[MasterKey.settingName]
        let key = try await onOwnThread("circlemeter.key") {
            try MasterKey.load(setting: setting, dataDirectory: directory.path)
        }
        return try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(key))
    }
}
