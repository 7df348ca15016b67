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
        switch SignatureState(of: record, secrets: { checker.store.webhookSecrets(of: $0) }) {
        case .valid: valid += 1
        case .mismatch: mismatches.append(record.sequence)
        case .absent: unsigned += 1
        case .erased: erased += 1
        case .unchecked: unknownConnection += 1
        }
    }
}

/// What a logged signature says when it is checked again, on the body's bytes.
enum SignatureState: String, Sendable {
    /// It fits a secret that counted at the time of receipt.
    case valid
    /// It fits none.
    case mismatch
    /// The record came without one, as all do that did not come by webhook.
    case absent
    /// A person was erased from the record, and the signature went with it.
    case erased
    /// The connection is no longer there, so that no secret is.
    case unchecked

    /// - Parameter secrets: Of a connection, of any time; nil where there is no such connection.
    init(of record: LogRecord, secrets: (String) -> [WebhookSecret]?) {
        guard let signature = record.signature else {
            self = .absent
            return
        }
        guard !record.isSignatureErased else {
            self = .erased
            return
        }
        guard let secrets = secrets(record.connection) else {
            self = .unchecked
            return
        }
        let verdict = record.withBody { body in
            WebhookSignature.verify(header: signature, body: body, secrets: secrets, at: record.receivedAt)
        }
        self = verdict == .valid ? .valid : .mismatch
    }
}
