import AsyncHTTPClient
import NIOHTTP1

/// One thing to ask of CircleCI.
struct APIRequest: Sendable {
    var method: HTTPMethod = .GET
    /// The path's template, which names the call in metrics: no ids.
    let endpoint: String
    /// The path, escaped.
    let path: String
    var query: [(name: String, value: String)] = []
    var body: [UInt8]?
    var priority = APIBudget.Priority.normal
    var maximumTries: Int?
    /// Whether CircleCI counts these calls apart from all others, so that their limits say nothing of the key's.
    var hasOwnLimit = false

    /// Whether a second try cannot do more than the first.
    var isRepeatable: Bool { method != .POST }

    /// The query with its question mark; empty where there is none.
    var queryText: String {
        query.isEmpty
            ? "" : "?" + query.map { "\(Escaping.part($0.name))=\(Escaping.part($0.value))" }.joined(separator: "&")
    }
}

/// Percent-escapes (RFC 3986): everything but letters, digits, `-`, `.`, `_` and `~`.
enum Escaping {
    static func part(_ text: some StringProtocol) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }

    /// A text of path segments, whose slashes stay.
    ///
    /// - Throws: `invalid_url` for an empty segment, `.` and `..`: the path would become another one on its way.
    static func path(_ text: String) throws(CircleCIError) -> String {
        let segments = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !segments.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
            throw CircleCIError(.invalidURL, "Not a slug or an id that can stand in an address")
        }
        return segments.map { part($0) }.joined(separator: "/")
    }

    /// As ``path(_:)``, for a text that is one segment.
    static func segment(_ text: String) throws(CircleCIError) -> String {
        let path = try path(text)
        guard !text.contains("/") else {
            throw CircleCIError(.invalidURL, "Not an id that can stand in an address")
        }
        return path
    }
}
