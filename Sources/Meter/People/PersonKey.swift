import Wire

/// The key under which persons are hashed: random, in the file `person-key`, sealed under the master key. It stays the
/// same when the master key is replaced, so pseudonyms do. Whoever removes the file gives everybody a new pseudonym.
struct PersonKey: Sendable {
    private static let byteCount = 32
    private static let sealedFor = "people"

    private let secret: Secret
    /// Eight hexadecimal digits that name the key without telling it.
    let id: String

    init(_ secret: Secret) {
        self.secret = secret
        id = Hex.encode(Randomness.sha256(Array("circlemeter person key id".utf8) + secret.bytes).prefix(4))
    }

    /// 32 bytes.
    func hash(_ text: String) -> [UInt8] { Randomness.hmacSHA256(Array(text.utf8), key: secret.bytes) }

    /// The key of a data directory, made where there is none. Blocking.
    /// - Throws: `sealed_with_another_key`, `sealed_value_damaged`, `permissions_too_wide`, `unreadable_file`,
    ///   `unwritable_file`.
    static func load(_ directory: DataDirectory, vault: Vault) throws(MeterError) -> PersonKey {
        if let key = try stored(directory, vault: vault) { return key }
        let secret = Secret(Randomness.bytes(byteCount))
        if try PrivateFile.create(directory.personKey, with: try sealed(secret, vault)) { return PersonKey(secret) }
        // Another process made it in the meantime.
        guard let key = try stored(directory, vault: vault) else {
            throw MeterError(.unreadableFile, "The file came and went", at: directory.personKey)
        }
        return key
    }

    /// Seals the key anew under the master key in use; nothing where there is no key. Blocking.
    static func reseal(_ directory: DataDirectory, vault: Vault) throws(MeterError) {
        guard let key = try stored(directory, vault: vault) else { return }
        try PrivateFile.replace(directory.personKey, with: try sealed(key.secret, vault))
    }

    /// The key of a data directory; nil where there is none. Blocking.
    static func stored(_ directory: DataDirectory, vault: Vault) throws(MeterError) -> PersonKey? {
        guard let bytes = try PrivateFile.read(directory.personKey, maximumBytes: 4096) else { return nil }
        let sealed = String(decoding: Secret(trimming: bytes).bytes, as: UTF8.self)
        return PersonKey(try vault.open(sealed, for: .personKey, of: sealedFor))
    }

    private static func sealed(_ secret: Secret, _ vault: Vault) throws(MeterError) -> [UInt8] {
        Array((try vault.seal(secret, for: .personKey, of: sealedFor) + "\n").utf8)
    }
}
