import CircleCI
import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Wire

/// An answer other than success: the one place where errors become HTTP.
///
/// The body is `{"error":{"code","message"}}`. `code` is stable, for programs; `message` is for people and says what to
/// do.
struct HTTPProblem: Error, Sendable {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var headers: HTTPFields = [:]

    /// The body's bytes.
    var body: [UInt8] {
        var writer = JSONWriter()
        writer.object { answer in
            answer.name("error")
            answer.object { error in
                error.member("code", code)
                error.member("message", message)
            }
        }
        return writer.bytes
    }

    var response: Response {
        var response = Response.json(status, body)
        for field in headers { response.headers.append(field) }
        return response
    }
}

extension HTTPProblem {
    /// Seconds after which a sender should try again where the service cannot take deliveries.
    static let retryAfterSeconds = 10

    // Deliveries.

    static let signatureMissing = HTTPProblem(
        status: .unauthorized,
        code: "signature_missing",
        message: "The delivery has no circleci-signature header; set a secret on the webhook at CircleCI"
    )
    static let signatureMismatch = HTTPProblem(
        status: .unauthorized,
        code: "signature_mismatch",
        message: "The signature fits none of the connection's secrets; compare the webhook's secret at CircleCI"
    )
    static let unknownConnection = HTTPProblem(
        status: .notFound,
        code: "unknown_connection",
        message: "There is no connection of that id; compare the webhook's URL at CircleCI"
    )
    static let logUnavailable = HTTPProblem(
        status: .serviceUnavailable,
        code: "log_unavailable",
        message: "The delivery cannot be kept now and is not; send it again later",
        headers: [.retryAfter: String(retryAfterSeconds)]
    )

    // Requests.

    static let notFound = HTTPProblem(status: .notFound, code: "not_found", message: "There is nothing at this path")
    static let malformedRequest = HTTPProblem(
        status: .badRequest,
        code: "malformed_request",
        message: "The request is not HTTP/1.1 as it should be"
    )
    static let incompleteBody = HTTPProblem(
        status: .badRequest,
        code: "incomplete_body",
        message: "The body ended before its stated length"
    )
    static let requestTimeout = HTTPProblem(
        status: .requestTimeout,
        code: "request_timeout",
        message: "The request was not received in time"
    )
    static let internalError = HTTPProblem(
        status: .internalServerError,
        code: "internal_error",
        message: "The request could not be answered; the service's own log says why"
    )

    static let stopping = HTTPProblem(
        status: .serviceUnavailable,
        code: "stopping",
        message: "The service is stopping; what was done so far is kept"
    )

    /// More is asked for at once than is worked off.
    static let busy = HTTPProblem(
        status: .serviceUnavailable,
        code: "busy",
        message: "Too many searches of the log are under way; try again in a moment",
        headers: [.retryAfter: "1"]
    )

    /// Which file, and why, is in the service's own log.
    static let notKept = HTTPProblem(
        status: .serviceUnavailable,
        code: MeterError.Code.unwritableFile.rawValue,
        message: "The change cannot be kept and is not: the service cannot write its files; see that its disk has room",
        headers: [.retryAfter: String(retryAfterSeconds)]
    )

    static let snapshotDamaged = HTTPProblem(
        status: .serviceUnavailable,
        code: MeterError.Code.damagedSnapshot.rawValue,
        message: "The snapshot is damaged and is made anew from the log; ask again in a moment",
        headers: [.retryAfter: String(retryAfterSeconds)]
    )

    static let tooManyStreams = HTTPProblem(
        status: .serviceUnavailable,
        code: "too_many_streams",
        message: "As many streams as may be are open; ask for pages with If-None-Match instead, or come back later",
        headers: [.retryAfter: String(retryAfterSeconds)]
    )

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> HTTPProblem {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        return HTTPProblem(
            status: .methodNotAllowed,
            code: "method_not_allowed",
            message: "This path answers \(names) only",
            headers: [.allow: names]
        )
    }

    static func bodyTooLarge(maximumBytes: Int) -> HTTPProblem {
        HTTPProblem(
            status: .contentTooLarge,
            code: "body_too_large",
            message: "A body may have \(maximumBytes) bytes"
        )
    }

    static func requestLineTooLong(maximumBytes: Int) -> HTTPProblem {
        HTTPProblem(
            status: .uriTooLong,
            code: "request_line_too_long",
            message: "A request line may have \(maximumBytes) bytes"
        )
    }

    static func headersTooLarge(maximumCount: Int, maximumBytes: Int) -> HTTPProblem {
        HTTPProblem(
            status: .requestHeaderFieldsTooLarge,
            code: "headers_too_large",
            message: "A request may have \(maximumCount) header fields of \(maximumBytes) bytes together"
        )
    }

    // Access.

    static let unauthorized = HTTPProblem(
        status: .unauthorized,
        code: "unauthorized",
        message: "Send a token as Authorization: Bearer, or sign in at /login",
        headers: [.wwwAuthenticate: "Bearer"]
    )
    static let forbidden = HTTPProblem(
        status: .forbidden,
        code: "forbidden",
        message: "This needs the admin role"
    )
    static let crossSite = HTTPProblem(
        status: .forbidden,
        code: "csrf_mismatch",
        message: "The form is not from this session; load the page again and repeat"
    )
    static let misdirected = HTTPProblem(
        status: .misdirectedRequest,
        code: "unknown_host",
        message: "The service does not answer under this host name; start it with --public-url to add one"
    )

    static func tooManyAttempts(retryAfterSeconds: Int) -> HTTPProblem {
        HTTPProblem(
            status: .tooManyRequests,
            code: "too_many_attempts",
            message: "Too many failed attempts to sign in; wait and try again",
            headers: [.retryAfter: String(retryAfterSeconds)]
        )
    }
}

extension HTTPProblem {
    /// The answer to whatever was thrown on the way to an answer.
    init(_ error: any Error) {
        switch error {
        case let problem as HTTPProblem: self = problem
        case let error as MeterError: self = HTTPProblem(error)
        case let error as CircleCIError where error.code == .invalidKey || error.code == .emptySecret:
            self = HTTPProblem(status: .unprocessableContent, code: error.code.rawValue, message: error.message)
        case is CancellationError: self = .stopping
        case is LogError, is QuarantineUnavailable: self = .logUnavailable
        case is NIOTooManyBytesError:
            self = HTTPProblem(status: .contentTooLarge, code: "body_too_large", message: "The body is too large")
        case let error as any HTTPResponseError where error.status == .notFound: self = .notFound
        case let error as any HTTPResponseError where error.status.kind == .clientError:
            self = HTTPProblem(
                status: error.status,
                code: "bad_request",
                message: (error as? HTTPError)?.body ?? "The request cannot be understood"
            )
        default: self = .internalError
        }
    }

    /// What a client may know of the module's own errors: files and causes are for the service's log.
    private init(_ error: MeterError) {
        let status: HTTPResponse.Status
        switch error.code {
        case .invalidConnectionId, .invalidConnection, .emptySecret, .organizationNotFound, .projectsNotReadable,
            .keyRejected:
            status = .unprocessableContent
        case .invalidParameter:
            // Which parameter is the better half of what is wrong.
            let message = "\(error.location ?? ""): \(error.message)" + (error.hint.map { "; \($0)" } ?? "")
            self = HTTPProblem(status: .badRequest, code: error.code.rawValue, message: message)
            return
        case .connectionExists, .replayUnderWay, .noPrice, .noAPIKey, .reconnectRequired, .wrongClock:
            status = .conflict
        case .circleCIUnavailable: status = .badGateway
        case .invalidInvitation: status = .gone
        case .unknownConnection: status = .notFound
        case .damagedSnapshot:
            self = .snapshotDamaged
            return
        case .unwritableFile:
            self = .notKept
            return
        default:
            self = .internalError
            return
        }
        let message = error.hint.map { "\(error.message); \($0)" } ?? error.message
        self = HTTPProblem(status: status, code: error.code.rawValue, message: message)
    }
}

/// Thrown by a handler, a problem is the answer.
extension HTTPProblem: HTTPResponseError {
    func response(from request: Request, context: some RequestContext) throws -> Response { response }
}

extension Response {
    /// JSON that is written already.
    static func json(_ status: HTTPResponse.Status, _ bytes: [UInt8]) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .contentLength: String(bytes.count)],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
