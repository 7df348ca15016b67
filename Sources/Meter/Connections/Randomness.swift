import COpenSSL
import Wire

/// Randomness and digests of libcrypto, for secrets.
enum Randomness {
    /// Bytes that nobody can guess. Traps where the system has no randomness: nothing that needs a secret may go on
    /// then.
    static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the system has no randomness")
        return bytes
    }

    /// A text that nobody can guess: 64 hexadecimal digits.
    static func text() -> String {
        Hex.encode(bytes(32))
    }

    /// The SHA-256 of `bytes`, 32 bytes.
    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        precondition(EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil) == 1, "SHA-256 failed")
        return digest
    }

    /// The HMAC-SHA256 of `bytes`, 32 bytes.
    static func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let result = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &digest, &count)
        precondition(result != nil && count == 32, "HMAC-SHA256 failed")
        return digest
    }
}
