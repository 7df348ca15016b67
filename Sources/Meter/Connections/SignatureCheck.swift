import CircleCI
package import EventLog
import Foundation

/// The secrets to check logged signatures with.
package struct SignatureChecker: Sendable {
    fileprivate let store: ConnectionStore

    /// The secrets of a data directory's connections.
    package static func open(directory: DataDirectory) async throws -> SignatureChecker {
        SignatureChecker(store: try await OfflineConnections.open(directory))
    }
}

/// What checking the signatures of logged deliveries found. A secret counts at the time of receipt.
package struct SignatureCheck: Sendable {
    package private(set) var valid = 0
    /// Deliveries from which a person was erased: their signature went with it.
    package private(set) var erased = 0
    /// Records that came without a signature: all that did not come by webhook.
    package private(set) var unsigned = 0
    /// Deliveries of connections that are no longer there, so that no secret is.
    package private(set) var unknownConnection = 0
    /// Sequences of deliveries whose signature fits no secret.
    package private(set) var mismatches: [Int] = []

    private let checker: SignatureChecker

    package init(_ checker: SignatureChecker) {
        self.checker = checker
    }

    package mutating func check(_ record: LogRecord) {
        guard let signature = record.signature else {
            unsigned += 1
            return
        }
        guard !record.isSignatureErased else {
            erased += 1
            return
        }
        guard let secrets = checker.store.webhookSecrets(of: record.connection) else {
            unknownConnection += 1
            return
        }
        let verdict = record.withBody { body in
            WebhookSignature.verify(header: signature, body: body, secrets: secrets, at: record.receivedAt)
        }
        if verdict == .valid { valid += 1 } else { mismatches.append(record.sequence) }
    }
}
