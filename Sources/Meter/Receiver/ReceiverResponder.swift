import CircleCI
import EventLog
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Wire

/// Answers the public listener's requests. A delivery is answered with 2xx only when it is durable: on the log, or in
/// quarantine.
struct ReceiverResponder: HTTPResponder {
    static let signatureHeader = HTTPField.Name("circleci-signature")!

    let connections: ConnectionStore
    let log: any DeliveryLog
    let quarantine: Quarantine
    let refused: RefusedDeliveries?
    let metrics: ReceiverMetrics
    let maximumBodyBytes: Int
    let now: @Sendable () -> Timestamp
    /// Answers what is neither a delivery nor a health check.
    let fallback: (any HTTPResponder<ReceiverContext>)?

    func respond(to request: Request, context: ReceiverContext) async throws -> Response {
        var response = try await answer(to: request, context)
        // The length stays: it is what GET would send.
        if request.method == .head { response.body = ResponseBody() }
        return response
    }

    private func answer(to request: Request, _ context: ReceiverContext) async throws -> Response {
        let receivedAt = now()
        let path = request.uri.path.split(separator: "/", omittingEmptySubsequences: true)
        do {
            if path.count == 3, path[0] == "webhooks", path[1] == "circleci" {
                try allow([.post], request)
                return try await deliver(request, to: String(path[2]), receivedAt: receivedAt, context.logger)
            }
            if path == ["healthz"] {
                try allow([.get, .head], request)
                return status("ok", .ok)
            }
            guard let fallback else { throw HTTPProblem.notFound }
            return try await fallback.respond(to: request, context: context)
        } catch let error as RequestRefused {
            throw error
        } catch {
            let problem = HTTPProblem(error)
            if problem.status.kind == .serverError {
                context.logger.error("A request failed", metadata: ["code": "\(problem.code)", "error": "\(error)"])
            }
            metrics.rejected(problem.code)
            return problem.response
        }
    }

    private func deliver(
        _ request: Request,
        to connection: String,
        receivedAt: Timestamp,
        _ logger: Logger
    ) async throws -> Response {
        guard let secrets = connections.webhookSecrets(of: connection) else { throw HTTPProblem.unknownConnection }
        let signature = request.headers[Self.signatureHeader]
        // Unsigned, the body is of no interest and is not held in memory.
        guard let signature, !signature.isEmpty else { throw HTTPProblem.signatureMissing }
        let body = try await body(of: request)
        #if SABOTAGE
            if Sabotage.plants("parsed-before-verified"),
                case .notAnObject = body.withUnsafeBytes({ DeliveryKey.read($0, connection: connection) })
            {
                return status("quarantined", .accepted)
            }
        #endif
        switch WebhookSignature.verify(header: signature, body: body, secrets: secrets, at: receivedAt) {
        case .valid: break
        case .missing: throw HTTPProblem.signatureMissing
        case .mismatch:
            refused?.offer(
                .init(
                    receivedAt: receivedAt,
                    connection: connection,
                    reason: HTTPProblem.signatureMismatch.code,
                    signature: signature,
                    body: body
                )
            )
            throw HTTPProblem.signatureMismatch
        }
        switch body.withUnsafeBytes({ DeliveryKey.read($0, connection: connection) }) {
        case .object(let key):
            let entry = LogEntry(
                receivedAt: receivedAt,
                source: .webhook,
                connection: connection,
                signature: signature,
                body: body,
                deduplicationKey: key,
                isKnownJSON: true
            )
            #if SABOTAGE
                if Sabotage.plants("answered-before-append") {
                    Task { try await log.append(entry) }
                    return answer(.accepted(sequence: 0))
                }
                if Sabotage.plants("refused-append-answered-200") {
                    return answer((try? await log.append(entry)) ?? .accepted(sequence: 0))
                }
            #endif
            return answer(try await log.append(entry))
        case .notAnObject(let reason):
            try await keepAside(
                .init(
                    receivedAt: receivedAt,
                    connection: connection,
                    reason: reason,
                    signature: signature,
                    body: body
                )
            )
            logger.warning(
                "A signed delivery is no JSON object and was put in quarantine",
                metadata: ["connection": "\(connection)", "reason": "\(reason)"]
            )
            metrics.quarantined()
            return status("quarantined", .accepted)
        }
    }

    private func body(of request: Request) async throws -> [UInt8] {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: maximumBodyBytes)
        } catch is NIOTooManyBytesError {
            throw HTTPProblem.bodyTooLarge(maximumBytes: maximumBodyBytes)
        } catch let error as RequestRefused {
            throw error
        } catch {
            // The connection broke.
            throw HTTPProblem.incompleteBody
        }
        if let stated = request.headers[.contentLength].flatMap({ Int($0) }), stated != buffer.readableBytes {
            throw HTTPProblem.incompleteBody
        }
        return [UInt8](buffer: buffer)
    }

    private func answer(_ outcome: AppendOutcome) -> Response {
        #if SABOTAGE
            if Sabotage.plants("duplicate-answered-accepted"), case .duplicate(let sequence) = outcome {
                return answer(.accepted(sequence: sequence))
            }
        #endif
        switch outcome {
        case .accepted(let sequence):
            metrics.accepted()
            var writer = JSONWriter()
            writer.object { answer in
                answer.member("status", "accepted")
                answer.member("sequence", sequence)
            }
            return .json(.ok, writer.bytes)
        case .duplicate:
            metrics.duplicate()
            return status("duplicate", .ok)
        }
    }

    private func keepAside(_ delivery: Quarantine.Delivery) async throws {
        #if SABOTAGE
            if Sabotage.plants("quarantined-without-keeping") { return }
        #endif
        do throws(MeterError) {
            try await quarantine.keep(delivery)
        } catch {
            throw QuarantineUnavailable(cause: error)
        }
    }

    private func status(_ status: String, _ code: HTTPResponse.Status) -> Response {
        var writer = JSONWriter()
        writer.object { $0.member("status", status) }
        return .json(code, writer.bytes)
    }

    private func allow(_ methods: [HTTPRequest.Method], _ request: Request) throws(HTTPProblem) {
        guard methods.contains(request.method) else { throw .methodNotAllowed(methods) }
    }
}

/// To the sender the same as a log that takes nothing: the delivery is not kept.
struct QuarantineUnavailable: Error {
    let cause: MeterError
}
