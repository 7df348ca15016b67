import Glibc
import Wire

/// Replaces the master key of a data directory.
///
/// The order makes every crash harmless: the old key is in `master-key.retired` before `master-key` holds the new one,
/// and leaves it only after everything is sealed under the new one. So what is sealed always opens with these two files,
/// and doing it again goes on where it stopped.
package enum MasterKeyRotation {
    /// What has become durable.
    enum Step: CaseIterable, Sendable {
        /// The key in use is among the retired ones, too.
        case retired
        /// A new key is in use.
        case replaced
        /// Everything is sealed under it.
        case resealed
        /// The retired keys are gone.
        case removed
    }

    /// Replaces the key and seals everything anew. No service may run on the directory: it would go on sealing under
    /// the old key. ``OfflineConnections/rotateMasterKey(directory:environment:)`` sees to that.
    ///
    /// - Parameters:
    ///   - setting: What `CIRCLEMETER_MASTER_KEY` holds; nil where it is not set.
    ///   - retiredSetting: What `CIRCLEMETER_RETIRED_MASTER_KEY` holds.
    ///   - onStep: Called after each step; for tests, which stop there.
    /// - Throws: `master_key_not_in_file` where the setting is given; `invalid_master_key`, `sealed_with_another_key`,
    ///   `unreadable_file`, `unwritable_file`.
    static func run(
        dataDirectory: String,
        setting: String?,
        retiredSetting: String?,
        onStep: @escaping @Sendable (Step) throws -> Void = { _ in }
    ) async throws {
        guard setting == nil else {
            throw MeterError(
                .masterKeyNotInFile,
                "The master key comes from \(MasterKey.settingName), where this program cannot change it",
                at: MasterKey.settingName,
                hint: "set \(MasterKey.retiredSettingName) to the old key and \(MasterKey.settingName) to a new one "
                    + "(openssl rand -hex 32), run circlemeter key reseal, then unset the first"
            )
        }
        let vault = try await onOwnThread("circlemeter.key") {
            let current = try MasterKey.load(setting: nil, dataDirectory: dataDirectory)
            var retired = try MasterKey.loadRetired(setting: nil, dataDirectory: dataDirectory)
            // An interrupted rotation that has replaced the key only needs to be finished.
            let isReplaced = !retired.isEmpty && !retired.contains { $0.secret == current.secret }
            if isReplaced { return try Vault.load(dataDirectory, setting: nil, retiredSetting: retiredSetting) }
            if retired.isEmpty {
                retired.append(current)
                try MasterKey.writeRetired(retired, dataDirectory: dataDirectory)
            }
            try onStep(.retired)
            try MasterKey.random().write(dataDirectory: dataDirectory)
            try onStep(.replaced)
            return try Vault.load(dataDirectory, setting: nil, retiredSetting: retiredSetting)
        }
        try await ConnectionStore.open(dataDirectory: dataDirectory, vault: vault).reseal()
        try await onOwnThread("circlemeter.key") {
            try PersonKey.reseal(DataDirectory(dataDirectory), vault: vault)
            try onStep(.resealed)
            try MasterKey.removeRetired(dataDirectory: dataDirectory)
            try onStep(.removed)
        }
    }
}

extension MasterKey {
    /// The name of the file with keys that only open, one a line, inside the data directory.
    public static let retiredFileName = "master-key.retired"
    public static let retiredSettingName = "CIRCLEMETER_RETIRED_MASTER_KEY"

    /// Keys that are replaced and still open what was sealed under them: those of the setting and those of the file.
    /// Blocking.
    ///
    /// - Parameter setting: What `CIRCLEMETER_RETIRED_MASTER_KEY` holds: keys as in `CIRCLEMETER_MASTER_KEY`, with
    ///   commas between; nil where it is not set.
    /// - Throws: `invalid_master_key`, `permissions_too_wide`, `unreadable_file`.
    public static func loadRetired(setting: String?, dataDirectory: String) throws(MeterError) -> [MasterKey] {
        var keys: [MasterKey] = []
        for text in (setting ?? "").utf8.split(separator: UInt8(ascii: ",")) {
            keys.append(try parse(Array(text), at: retiredSettingName))
        }
        let path = "\(dataDirectory)/\(retiredFileName)"
        guard let bytes = try PrivateFile.read(path, maximumBytes: 65_536) else { return keys }
        for line in bytes.split(separator: UInt8(ascii: "\n")) { keys.append(try parse(Array(line), at: path)) }
        return keys
    }

    fileprivate static func writeRetired(_ keys: [MasterKey], dataDirectory: String) throws(MeterError) {
        try PrivateFile.replace("\(dataDirectory)/\(retiredFileName)", with: keys.flatMap(\.fileContent))
    }

    fileprivate static func removeRetired(dataDirectory: String) throws(MeterError) {
        let path = "\(dataDirectory)/\(retiredFileName)"
        guard unlink(path) == 0 || errno == ENOENT else {
            throw MeterError(.unwritableFile, "The file cannot be removed", at: path, cause: SystemError.last("unlink"))
        }
        try PrivateFile.syncDirectory(of: path)
    }

    fileprivate func write(dataDirectory: String) throws(MeterError) {
        try PrivateFile.replace("\(dataDirectory)/\(MasterKey.fileName)", with: fileContent)
    }
}

extension Vault {
    /// The vault of a data directory: its master key, and retired ones that open. Blocking.
    ///
    /// - Parameters:
    ///   - setting: What `CIRCLEMETER_MASTER_KEY` holds; nil where it is not set.
    ///   - retiredSetting: What `CIRCLEMETER_RETIRED_MASTER_KEY` holds; nil where it is not set.
    /// - Throws: As ``MasterKey/load(setting:dataDirectory:)`` and ``MasterKey/loadRetired(setting:dataDirectory:)``.
    package static func load(
        _ dataDirectory: String,
        setting: String?,
        retiredSetting: String?
    ) throws(MeterError) -> Vault {
        Vault(
            try MasterKey.load(setting: setting, dataDirectory: dataDirectory),
            retired: try MasterKey.loadRetired(setting: retiredSetting, dataDirectory: dataDirectory)
        )
    }

    /// As above, with the settings of an environment.
    package static func load(_ dataDirectory: String, environment: [String: String]) throws(MeterError) -> Vault {
        try load(
            dataDirectory,
            setting: environment[MasterKey.settingName],
            retiredSetting: environment[MasterKey.retiredSettingName]
        )
    }
}
