import COpenSSL

/// Hashes what rows say, one after another. For one thread at a time.
final class ContentDigest {
    // Looked up once, which costs as much as the digest of a row.
    //
    // Unsafe: made once, never freed or changed, and libcrypto reads it on any thread.
    nonisolated(unsafe) private static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)

    private let context = EVP_MD_CTX_new()

    deinit { EVP_MD_CTX_free(context) }

    /// The first half of SHA-256.
    func half(_ bytes: UnsafeRawBufferPointer) -> UInt128 {
        withUnsafeTemporaryAllocation(byteCount: Int(EVP_MAX_MD_SIZE), alignment: 16) { digest in
            let isDone =
                EVP_DigestInit_ex(context, ContentDigest.sha256, nil) == 1
                && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
                && EVP_DigestFinal_ex(context, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
            precondition(isDone, "libcrypto has no SHA-256")
            return UInt128(bigEndian: digest.loadUnaligned(as: UInt128.self))
        }
    }
}
