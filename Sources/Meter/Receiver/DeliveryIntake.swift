import CircleCI
import EventLog
import HTTPTypes
import Logging
import Wire

/// What becomes of a delivery, whatever it came over: its answer is 2xx only when it is durable, on the log or in
/// quarantine.
final class DeliveryIntake: Sendable {
    /// A delivery whose body is of interest.
    struct Head: Sendable {
        var receivedAt: Timestamp
        var connection: String
        /// The signature's header as received.
        var signature: String
        var secrets: [WebhookSecret]
    }

    enum Admission {
        case admitted(Head)
        case answered(DeliveryAnswer)
    }

    typealias Completion = @Sendable (DeliveryAnswer) -> Void

    private let connections: ConnectionStore
    private let log: any DeliveryLog
    private let quarantine: Quarantine
    private let refused: RefusedDeliveries?
    private let metrics: ReceiverMetrics
    let now: @Sendable () -> Timestamp
    private let logger: Logger

    init(
        connections: ConnectionStore,
        log: any DeliveryLog,
        quarantine: Quarantine,
        refused: RefusedDeliveries?,
        metrics: ReceiverMetrics,
        now: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.connections = connections
        self.log = log
        self.quarantine = quarantine
        self.refused = refused
        self.metrics = metrics
        self.now = now
        self.logger = logger
    }

    /// Looks at what a delivery's head says. For nobody, or unsigned, its body is of no interest and is not held in memory.
    func admit(connection: String, signature: String?) -> Admission {
        let receivedAt = now()
        guard let secrets = connections.webhookSecrets(of: connection) else {
            return .answered(refusal(HTTPProblem.unknownConnection))
        }
        guard let signature, !signature.isEmpty else { return .answered(refusal(HTTPProblem.signatureMissing)) }
        return .admitted(
            Head(receivedAt: receivedAt, connection: connection, signature: signature, secrets: secrets)
        )
    }

    /// Takes a delivery whose body is complete.
    ///
    /// - Parameter completion: Called once, on any thread, when the answer may go out.
    func take(_ head: Head, body: [UInt8], completion: @escaping Completion) {
        #if SABOTAGE
            if Sabotage.plants("parsed-before-verified"),
                case .notAnObject = body.withUnsafeBytes({ DeliveryKey.read($0, connection: head.connection) })
            {
                return completion(.quarantined)
            }
        #endif
        switch WebhookSignature.verify(
            header: head.signature,
            body: body,
            secrets: head.secrets,
            at: head.receivedAt
        ) {
        case .valid: break
        case .missing: return completion(refusal(HTTPProblem.signatureMissing))
        case .mismatch:
            refused?.offer(head.delivery(body, reason: HTTPProblem.signatureMismatch.code))
            return completion(refusal(HTTPProblem.signatureMismatch))
        }
        switch body.withUnsafeBytes({ DeliveryKey.read($0, connection: head.connection) }) {
        case .object(let key):
            let entry = LogEntry(
                receivedAt: head.receivedAt,
                source: .webhook,
                connection: head.connection,
                signature: head.signature,
                body: body,
                deduplicationKey: key,
                isKnownJSON: true
            )
            #if SABOTAGE
                if Sabotage.plants("answered-before-append") {
                    log.append(entry) { _ in }
                    return completion(answer(.success(.accepted(sequence: 0))))
                }
                if Sabotage.plants("refused-append-answered-200") {
                    return log.append(entry) { result in
                        let outcome = (try? result.get()) ?? .accepted(sequence: 0)
                        completion(self.answer(.success(outcome)))
                    }
                }
            #endif
            log.append(entry) { completion(self.answer($0)) }
        case .notAnObject(let reason):
            keepAside(head.delivery(body, reason: reason), completion)
        }
    }

    /// What is answered to a delivery that is not taken: it is counted, and logged where the fault is ours.
    func refusal(_ error: any Error) -> DeliveryAnswer {
        let problem = HTTPProblem(error)
        if problem.status.kind == .serverError {
            logger.error("A request failed", metadata: ["code": "\(problem.code)", "error": "\(error)"])
        }
        metrics.rejected(problem.code)
        return .refused(problem)
    }

    private func answer(_ result: Result<AppendOutcome, LogError>) -> DeliveryAnswer {
        #if SABOTAGE
            if Sabotage.plants("duplicate-answered-accepted"), case .success(.duplicate(let sequence)) = result {
                return answer(.success(.accepted(sequence: sequence)))
            }
        #endif
        switch result {
        case .success(.accepted(let sequence)):
            metrics.accepted()
            return .accepted(sequence: sequence)
        case .success(.duplicate):
            metrics.duplicate()
            return .duplicate
        case .failure(let error): return refusal(error)
        }
    }

    private func keepAside(_ delivery: Quarantine.Delivery, _ completion: @escaping Completion) {
        Task {
            do throws(MeterError) {
                #if SABOTAGE
                    if !Sabotage.plants("quarantined-without-keeping") { try await self.quarantine.keep(delivery) }
                #else
                    try await self.quarantine.keep(delivery)
                #endif
            } catch {
                return completion(self.refusal(QuarantineUnavailable(cause: error)))
            }
            self.logger.warning(
                "A signed delivery is no JSON object and was put in quarantine",
                metadata: ["connection": "\(delivery.connection)", "reason": "\(delivery.reason)"]
            )
            self.metrics.quarantined()
            completion(.quarantined)
        }
    }
}

extension DeliveryIntake.Head {
    fileprivate func delivery(_ body: [UInt8], reason: String) -> Quarantine.Delivery {
        Quarantine.Delivery(
            receivedAt: receivedAt,
            connection: connection,
            reason: reason,
            signature: signature,
            body: body
        )
    }
}

/// To the sender the same as a log that takes nothing: the delivery is not kept.
struct QuarantineUnavailable: Error {
    let cause: MeterError
}
