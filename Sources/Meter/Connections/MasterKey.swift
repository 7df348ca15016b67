import Foundation
import Wire

/// The 32 bytes under which the service seals every key and secret that it stores.
public struct MasterKey: Sendable {
    public static let byteCount = 32
    /// The name of the key's file inside the data directory.
    public static let fileName = "master-key"
    public static let settingName = "CIRCLEMETER_MASTER_KEY"

    let secret: Secret
    /// Eight hexadecimal digits that name the key without telling it, so that a value sealed under another one is
    /// known.
    let id: String

    /// - Throws: `invalid_master_key` unless there are 32 bytes.
    public init(_ bytes: [UInt8]) throws(MeterError) {
        guard bytes.count == MasterKey.byteCount else {
            throw MasterKey.invalid("A master key has 32 bytes, this one has \(bytes.count)", at: nil)
        }
        secret = Secret(bytes)
        id = Hex.encode(Randomness.sha256(Array("circlemeter master key id".utf8) + bytes).prefix(4))
    }

    /// A key that nobody can guess.
    public static func random() -> MasterKey {
        try! MasterKey(Randomness.bytes(byteCount))
    }

    /// The key of a setting where it is given, else the key of the file in `dataDirectory`, which is made where there
    /// is none yet. Blocking.
    ///
    /// - Parameters:
    ///   - setting: What `CIRCLEMETER_MASTER_KEY` holds: 64 hexadecimal digits or base64 of 32 bytes.
    ///   - dataDirectory: A directory that exists.
    /// - Throws: `invalid_master_key`, also for an empty setting; `permissions_too_wide`, `unreadable_file`,
    ///   `unwritable_file` for the file.
    public static func load(setting: String?, dataDirectory: String) throws(MeterError) -> MasterKey {
        if let setting { return try parse(Array(setting.utf8), at: settingName) }
        let path = "\(dataDirectory)/\(fileName)"
        if let bytes = try PrivateFile.read(path, maximumBytes: 4096) { return try parse(bytes, at: path) }
        let key = MasterKey.random()
        if try PrivateFile.create(path, with: key.fileContent) { return key }
        // Another process made it in the meantime.
        guard let bytes = try PrivateFile.read(path, maximumBytes: 4096) else {
            throw MeterError(.unreadableFile, "The file came and went", at: path)
        }
        return try parse(bytes, at: path)
    }

    /// Whether there is a key, so that ``load(setting:dataDirectory:)`` would make none.
    static func isAtHand(setting: String?, dataDirectory: String) -> Bool {
        setting != nil || FileManager.default.fileExists(atPath: "\(dataDirectory)/\(fileName)")
    }

    /// A line of 64 hexadecimal digits.
    var fileContent: [UInt8] { Array((Hex.encode(secret.bytes) + "\n").utf8) }

    static func parse(_ text: [UInt8], at location: String) throws(MeterError) -> MasterKey {
        let text = Secret(trimming: text).bytes
        let bytes = text.count == 64 ? Hex.decode(text) : text.withUnsafeBytes { Base64.decode($0) }
        guard let bytes, bytes.count == byteCount else {
            throw invalid("A master key is 32 bytes, as 64 hexadecimal digits or in base64", at: location)
        }
        return try MasterKey(bytes)
    }

    private static func invalid(_ message: String, at location: String?) -> MeterError {
        let isFile = location?.contains("/") ?? false
        return MeterError(
            .invalidMasterKey,
            message,
            at: location,
            hint: isFile
                ? "restore the file from a backup: what this key sealed opens with no other"
                : "openssl rand -hex 32 makes one"
        )
    }
}

extension MasterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "MasterKey(\(id))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["id": id]) }
}
