import NIOHTTP1
import Wire

/// An answer of CircleCI, its body read to the end.
struct APIAnswer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
    /// The address that was asked, without its query.
    let location: String

    /// CircleCI's name for the request, or the edge network's; nil where the answer has none that can be shown.
    var requestID: String? {
        for name in ["x-request-id", "x-trace-id", "x-amz-cf-id", "cf-ray"] {
            guard let id = headers.first(name: name), !id.isEmpty, id.utf8.count <= 128 else { continue }
            if id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) { return id }
        }
        return nil
    }

    var isHTML: Bool {
        headers.first(name: "content-type")?.lowercased().hasPrefix("text/html") == true
    }

    func error(_ code: CircleCIError.Code, _ message: String, hint: String? = nil) -> CircleCIError {
        CircleCIError(code, message, at: location, hint: hint, status: status, requestID: requestID)
    }

    /// The error that the status says; nil for 2xx.
    var failure: CircleCIError? {
        switch status {
        case 200..<300: nil
        case 401: error(.unauthorized, "CircleCI does not accept the key")
        case 403 where isHTML: edgeRefusal
        case 403: error(.forbidden, "CircleCI forbids the call", hint: "the key's owner may lack a right")
        case 404: error(.notFound, "Not found, or not for this key")
        case 429: error(.rateLimited, "CircleCI's rate limit is used up")
        case 400..<500: error(.refused, "CircleCI refused the call")
        case 500...: error(.serverError, "CircleCI failed to answer")
        default: error(.unexpectedAnswer, "The answer has a status that the API does not use")
        }
    }

    private var edgeRefusal: CircleCIError {
        var refusal = error(
            .forbidden,
            "The edge network refused the call",
            hint: "it may distrust this machine's address"
        )
        refusal.isOfEdgeNetwork = true
        return refusal
    }

    /// The JSON object that is the body.
    func object() throws(CircleCIError) -> APIObject {
        try APIObject(document(), path: "", in: self)
    }

    /// The JSON objects in the array that is the body.
    func list() throws(CircleCIError) -> [APIObject] {
        try APIObject.list(document(), path: "", in: self)
    }

    private func document() throws(CircleCIError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(whole: body)
        } catch {
            throw CircleCIError(
                .unexpectedAnswer,
                isHTML ? "The answer is HTML" : "The answer is no JSON",
                at: location,
                cause: error,
                hint: "something between here and CircleCI may have answered",
                status: status,
                requestID: requestID
            )
        }
    }
}
