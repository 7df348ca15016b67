import Foundation
import Logging
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The certificate under which both listeners speak TLS, from PEM files: a chain and its private key. Files that were
/// renewed are taken up by new connections; files that cannot be used are not, and the old ones go on.
public final class TLSIdentity: Sendable {
    /// Where the files are.
    public struct Files: Hashable, Sendable {
        /// The listener's certificate first, then those that lead to a root.
        public var certificate: String
        /// 0600.
        public var key: String

        public init(certificate: String, key: String) {
            (self.certificate, self.key) = (certificate, key)
        }
    }

    private struct State {
        var context: NIOSSLContext
        /// Both files' content as it was last looked at, usable or not.
        var digest: [UInt8]
        /// Why the files could not be read when they were last looked at.
        var problem: String?
    }

    private static let maximumBytes = 1 << 20

    private let files: Files
    private let state: Mutex<State>

    /// Blocks.
    /// - Throws: `invalid_certificate`, `unreadable_file`, `permissions_too_wide`.
    init(_ files: Files) throws(MeterError) {
        self.files = files
        let (certificate, key) = try TLSIdentity.read(files)
        let context = try TLSIdentity.context(files, certificate, key)
        state = Mutex(State(context: context, digest: TLSIdentity.digest(certificate, key)))
    }

    /// For a connection that begins now.
    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Takes up files that have changed. Blocks.
    /// - Returns: whether they had.
    /// - Throws: what was wrong with them, once; the old certificate goes on.
    func renew() throws(MeterError) -> Bool {
        let (certificate, key): ([UInt8], [UInt8])
        do throws(MeterError) {
            (certificate, key) = try TLSIdentity.read(files)
        } catch {
            let isKnown = state.withLock { state in
                defer { state.problem = "\(error)" }
                return state.problem == "\(error)"
            }
            if isKnown { return false }
            throw error
        }
        state.withLock { $0.problem = nil }
        let digest = TLSIdentity.digest(certificate, key)
        guard state.withLock({ $0.digest }) != digest else { return false }
        state.withLock { $0.digest = digest }
        let context = try TLSIdentity.context(files, certificate, key)
        state.withLock { $0.context = context }
        return true
    }

    private static func read(_ files: Files) throws(MeterError) -> (certificate: [UInt8], key: [UInt8]) {
        guard
            let certificate = try PrivateFile.read(
                files.certificate,
                maximumBytes: maximumBytes,
                mustBePrivate: false
            )
        else { throw missing(files.certificate) }
        guard let key = try PrivateFile.read(files.key, maximumBytes: maximumBytes) else { throw missing(files.key) }
        return (certificate, key)
    }

    private static func context(
        _ files: Files,
        _ certificate: [UInt8],
        _ key: [UInt8]
    ) throws(MeterError) -> NIOSSLContext {
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(certificate)
        } catch {
            throw invalid("The file holds no certificate", files.certificate)
        }
        guard !chain.isEmpty else { throw invalid("The file holds no certificate", files.certificate) }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(bytes: key, format: .pem)
        } catch {
            // Its cause could show what the file holds.
            throw invalid("The file holds no private key, or one with a passphrase", files.key)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(privateKey)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw invalid("The private key is not the certificate's", files.key)
        }
    }

    private static func digest(_ certificate: [UInt8], _ key: [UInt8]) -> [UInt8] {
        Randomness.sha256(Randomness.sha256(certificate) + Randomness.sha256(key))
    }

    private static func missing(_ path: String) -> MeterError {
        MeterError(.unreadableFile, "There is no such file", at: path)
    }

    private static func invalid(_ message: String, _ path: String) -> MeterError {
        MeterError(
            .invalidCertificate,
            message,
            at: path,
            hint: "--tls-certificate takes a PEM file with the certificate and its chain, --tls-key its private key"
        )
    }
}

/// Looks for renewed certificates while the service runs.
struct TLSRenewal: Service {
    static let every = Duration.seconds(60)

    let identity: TLSIdentity?
    let logger: Logger

    func run() async throws {
        guard let identity else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: TLSRenewal.every)
                guard !Task.isCancelled else { return }
                await look(identity)
            }
        }
    }

    private func look(_ identity: TLSIdentity) async {
        do {
            if try await onOwnThread("circlemeter.certificate", { try identity.renew() }) {
                logger.notice("the certificate was renewed")
            }
        } catch {
            logger.error("the renewed certificate cannot be used; the old one goes on", metadata: ["error": "\(error)"])
        }
    }
}
