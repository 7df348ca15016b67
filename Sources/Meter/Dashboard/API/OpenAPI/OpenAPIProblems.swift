import CircleCI
import HTTPTypes

/// Every answer other than success, taken from the place where errors become HTTP.
enum OpenAPIProblems {
    /// In the order of their statuses, each code once a status.
    static let all: [(status: Int, code: String)] = {
        let stated: [HTTPProblem] = [
            HTTPProblem.signatureMissing, .signatureMismatch, .unknownConnection, .logUnavailable, .notFound,
            .malformedRequest, .busy, .tooManyStreams,
            .incompleteBody, .requestTimeout, .internalError, .stopping, .methodNotAllowed([.get]),
            .bodyTooLarge(maximumBytes: 1), .requestLineTooLong(maximumBytes: 1),
            .headersTooLarge(maximumCount: 1, maximumBytes: 1), .unauthorized, .forbidden, .crossSite, .misdirected,
            .tooManyAttempts(retryAfterSeconds: 1),
        ]
        let thrown: [any Error] =
            MeterError.Code.allCases.map { MeterError($0, "") } + [CircleCIError(.invalidKey, "")]
        var seen: Set<String> = []
        return
            ((stated + thrown.map { HTTPProblem($0) }).map { (Int($0.status.code), $0.code) }
            // Of what the framework refuses.
            + [(400, "bad_request")])
            .filter { seen.insert("\($0.0) \($0.1)").inserted }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
    }()

    /// Answers of the public listener alone.
    private static let isElsewhere: Set<String> = ["signature_missing", "signature_mismatch", "invalid_invitation"]

    static var codes: [String] { Set(all.map(\.code)).sorted() }

    /// `{"error":{"code","message"}}`, with the codes that go with a status.
    static func response(_ status: Int) -> OpenAPIValue {
        let codes = all.filter { $0.status == status && !isElsewhere.contains($0.code) }.map(\.code)
        precondition(!codes.isEmpty, "no error is answered with \(status)")
        var response: OpenAPIValue = [
            "description": .text(codes.joined(separator: ", ")),
            "content": ["application/json": ["schema": body(codes)]],
        ]
        switch status {
        case 401: response = response.with(["headers": ["WWW-Authenticate": ["schema": .string]]])
        case 405: response = response.with(["headers": ["Allow": ["schema": .string]]])
        case 429, 503:
            let text: OpenAPIValue = "After so many seconds another try makes sense."
            response = response.with(["headers": ["Retry-After": ["description": text, "schema": .count]]])
        default: break
        }
        return response
    }

    static func body(_ codes: [String]) -> OpenAPIValue {
        .members([("error", .members([("code", .choice(codes)), ("message", .string)]))])
    }

    /// The statuses that some operation answers on this listener.
    static var statuses: [Int] {
        Set(all.filter { !isElsewhere.contains($0.code) }.map(\.status)).sorted()
    }
}
