import COpenSSL

/// An HMAC-SHA256 key, set up once so that a digest costs no second key schedule and no look-up of algorithms.
// `context` is written in the initializer only; afterwards it is read, by EVP_MAC_CTX_dup, which takes it as const.
final class HMACKey: @unchecked Sendable {
    typealias Digest = SIMD32<UInt8>

    private let context: OpaquePointer

    /// Nil where the library has no HMAC-SHA256 or no memory.
    init?(_ key: [UInt8]) {
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { EVP_MAC_free(algorithm) }
        guard let context = EVP_MAC_CTX_new(algorithm) else { return nil }
        var digestName = Array("SHA256".utf8CString)
        let isReady = digestName.withUnsafeMutableBufferPointer { name in
            let parameters = [
                OSSL_PARAM_construct_utf8_string("digest", name.baseAddress, 0), OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(context, key, key.count, parameters) == 1
        }
        guard isReady else {
            EVP_MAC_CTX_free(context)
            return nil
        }
        self.context = context
    }

    deinit {
        // Wipes the key, too.
        EVP_MAC_CTX_free(context)
    }

    /// The digest of `message`. Traps where memory runs out, as any allocation does.
    func digest(of message: UnsafeRawBufferPointer) -> Digest {
        guard let context = EVP_MAC_CTX_dup(context) else { preconditionFailure("no memory for an HMAC") }
        defer { EVP_MAC_CTX_free(context) }
        var digest = Digest()
        var count = 0
        let isDone = withUnsafeMutableBytes(of: &digest) { output in
            EVP_MAC_update(context, message.baseAddress, message.count) == 1
                && EVP_MAC_final(context, output.baseAddress, &count, output.count) == 1
        }
        precondition(isDone && count == 32, "HMAC-SHA256 failed")
        return digest
    }

    /// Compares in a time that does not depend on where the digests differ.
    static func areEqual(_ first: Digest, _ second: Digest) -> Bool {
        withUnsafeBytes(of: first) { first in
            withUnsafeBytes(of: second) { second in
                CRYPTO_memcmp(first.baseAddress, second.baseAddress, first.count) == 0
            }
        }
    }
}
