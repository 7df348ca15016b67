import COpenSSL

/// An HMAC-SHA256 key, set up once so that a digest costs no second key schedule and no look-up of algorithms.
// `context` is written in the initializer only; afterwards it is read, by EVP_MAC_CTX_dup, which takes it as const.
final class HMACKey: @unchecked Sendable {
    typealias Digest = SIMD32<UInt8>

    private let context: OpaquePointer

    /// A context that knows its algorithms, to be given a key: they are looked up once for the whole process. Nil where
    /// the library has no HMAC-SHA256.
    // Never changed once it is made; `EVP_MAC_CTX_dup` takes it as const.
    private nonisolated(unsafe) static let template: OpaquePointer? = {
        guard let algorithm = EVP_MAC_fetch(nil, "HMAC", nil) else { return nil }
        defer { EVP_MAC_free(algorithm) }
        guard let context = EVP_MAC_CTX_new(algorithm) else { return nil }
        // A parameter points to its name and value, so both must outlive it: a literal would not.
        let name = Array("digest".utf8CString)
        var value = Array("SHA256".utf8CString)
        let isReady = name.withUnsafeBufferPointer { name in
            value.withUnsafeMutableBufferPointer { value in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(name.baseAddress, value.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                // Only a context with some key can be duplicated.
                return EVP_MAC_init(context, [0], 1, parameters) == 1
            }
        }
        guard isReady else {
            EVP_MAC_CTX_free(context)
            return nil
        }
        return context
    }()

    /// Nil where the library has no HMAC-SHA256 or no memory.
    init?(_ key: [UInt8]) {
        guard let template = HMACKey.template, let context = EVP_MAC_CTX_dup(template) else { return nil }
        guard EVP_MAC_init(context, key, key.count, nil) == 1 else {
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
