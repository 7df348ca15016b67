import EventLog
import Foundation
import Wire

/// The secrets of connections, sealed anew and read while no service runs.
package enum OfflineConnections {
    /// Replaces the master key and seals everything anew. Holds the log's lock all the while: a service that runs would
    /// go on sealing under the old key.
    ///
    /// - Throws: The log's error where a service runs; `master_key_not_in_file` where the key comes from the
    ///   environment, with what to do; `unwritable_file`, after which it can be repeated.
    package static func rotateMasterKey(
        directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws {
        try await withLog(of: directory) {
            try await MasterKeyRotation.run(
                dataDirectory: directory.path,
                setting: environment[MasterKey.settingName],
                retiredSetting: environment[MasterKey.retiredSettingName]
            )
        }
    }

    /// Seals everything anew under the master key in use, so that retired ones are no longer needed.
    package static func reseal(
        directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws {
        try await withLog(of: directory) {
            try await open(directory, environment: environment).reseal()
            try await onOwnThread("circlemeter.key") {
                try PersonKey.reseal(directory, vault: try Vault.load(directory.path, environment: environment))
            }
        }
    }

    static func open(
        _ directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ConnectionStore {
        let vault = try await onOwnThread("circlemeter.key") {
            try Vault.load(directory.path, environment: environment)
        }
        return try await ConnectionStore.open(dataDirectory: directory.path, vault: vault)
    }

    /// Does something while no service can run.
    private static func withLog(of directory: DataDirectory, _ body: () async throws -> Void) async throws {
        try requireDirectory(directory)
        let path = directory.log
        let log = try await onOwnThread("circlemeter.log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        do {
            try await body()
        } catch {
            await log.close()
            throw error
        }
        await log.close()
    }

    private static func requireDirectory(_ directory: DataDirectory) throws(MeterError) {
        guard FileManager.default.fileExists(atPath: directory.path) else {
            throw MeterError(.unreadableFile, "There is no such data directory", at: directory.path)
        }
    }
}
