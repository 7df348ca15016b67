import COpenSSL
import Wire

/// Seals secrets with AES-256-GCM. A sealed value is a text of four parts,
///
///     v1.<id of the master key>.<nonce of 12 bytes, base64>.<ciphertext and tag of 16 bytes, base64>
///
/// and is bound to one connection and one purpose: moved elsewhere it does not open.
public struct Vault: Sendable {
    /// What a sealed value is for; part of what the seal covers.
    enum Purpose: String, Sendable, CaseIterable {
        case webhookSecret = "webhook_secret"
        case apiKey = "api_key"
        /// The key of pseudonyms, of no single connection.
        case personKey = "person_key"
        /// The digest of a file that holds connections, of no single one.
        case connectionFile = "connection_file"
    }

    private static let version = "v1"
    private static let nonceByteCount = 12
    private static let tagByteCount = 16

    private let key: MasterKey
    private let retired: [MasterKey]

    /// - Parameters:
    ///   - key: Seals, and opens what it has sealed.
    ///   - retired: Only open. So a master key can be replaced: everything is sealed anew with the next write.
    public init(_ key: MasterKey, retired: [MasterKey] = []) {
        self.key = key
        self.retired = retired
    }

    /// - Throws: `cryptography`.
    func seal(_ secret: Secret, for purpose: Purpose, of connection: String) throws(MeterError) -> String {
        #if SABOTAGE
            let nonce =
                Sabotage.plants("nonce-reused") ? Array("nonce-nonce-".utf8) : Randomness.bytes(Vault.nonceByteCount)
        #else
            let nonce = Randomness.bytes(Vault.nonceByteCount)
        #endif
        let context = additionalData(key, purpose, connection)
        guard let sealed = AES256GCM.seal(secret.bytes, key: key.secret.bytes, nonce: nonce, additionalData: context)
        else {
            throw MeterError(.cryptography, "The cryptographic library refused to seal", at: connection)
        }
        return [Vault.version, key.id, Base64.encode(nonce), Base64.encode(sealed)].joined(separator: ".")
    }

    /// - Throws: `sealed_with_another_key`, `sealed_value_damaged`.
    func open(_ sealed: String, for purpose: Purpose, of connection: String) throws(MeterError) -> Secret {
        let parts = sealed.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == Vault.version,
            let nonce = Base64.decode(parts[2]), nonce.count == Vault.nonceByteCount,
            let ciphertext = Base64.decode(parts[3]), ciphertext.count >= Vault.tagByteCount
        else { throw damaged(purpose, connection) }
        guard let key = ([key] + retired).first(where: { $0.id == parts[1] }) else {
            throw MeterError(
                .sealedWithAnotherKey,
                "The \(purpose.rawValue) of the connection was sealed with another master key",
                at: connection,
                hint: "give the master key that was in use when the connection was added, or add the connection anew"
            )
        }
        let context = additionalData(key, purpose, connection)
        guard
            let bytes = AES256GCM.open(ciphertext, key: key.secret.bytes, nonce: nonce, additionalData: context)
        else { throw damaged(purpose, connection) }
        return Secret(bytes)
    }

    private func additionalData(_ key: MasterKey, _ purpose: Purpose, _ connection: String) -> [UInt8] {
        #if SABOTAGE
            if Sabotage.plants("seal-not-bound-to-place") { return Array("circlemeter".utf8) }
        #endif
        return Array("circlemeter.\(Vault.version).\(key.id).\(purpose.rawValue).\(connection)".utf8)
    }

    private func damaged(_ purpose: Purpose, _ connection: String) -> MeterError {
        MeterError(
            .sealedValueDamaged,
            "The sealed \(purpose.rawValue) of the connection does not open",
            at: connection,
            hint: "it was changed or comes from another connection; restore the file or add the connection anew"
        )
    }
}

/// The cipher itself. The tag follows the ciphertext.
private enum AES256GCM {
    private static let tagByteCount = 16

    static func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        var sealed = [UInt8](repeating: 0, count: plaintext.count)
        var tag = [UInt8](repeating: 0, count: tagByteCount)
        var count: Int32 = 0
        guard EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &count, additionalData, Int32(additionalData.count)) == 1,
            EVP_EncryptUpdate(context, &sealed, &count, plaintext, Int32(plaintext.count)) == 1,
            // GCM is a stream: nothing is left over for the final step to write.
            EVP_EncryptFinal_ex(context, nil, &count) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(tagByteCount), &tag) == 1
        else { return nil }
        return sealed + tag
    }

    static func open(_ sealed: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8]? {
        guard let context = EVP_CIPHER_CTX_new() else { return nil }
        defer { EVP_CIPHER_CTX_free(context) }
        let ciphertext = Array(sealed.dropLast(tagByteCount))
        var tag = Array(sealed.suffix(tagByteCount))
        var plaintext = [UInt8](repeating: 0, count: ciphertext.count)
        var count: Int32 = 0
        #if SABOTAGE
            if Sabotage.plants("tag-not-checked") {
                EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce)
                EVP_DecryptUpdate(context, &plaintext, &count, ciphertext, Int32(ciphertext.count))
                return plaintext
            }
        #endif
        guard EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(context, nil, &count, additionalData, Int32(additionalData.count)) == 1,
            EVP_DecryptUpdate(context, &plaintext, &count, ciphertext, Int32(ciphertext.count)) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(tagByteCount), &tag) == 1,
            EVP_DecryptFinal_ex(context, nil, &count) == 1
        else { return nil }
        return plaintext
    }
}
