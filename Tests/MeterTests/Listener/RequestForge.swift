import CircleCI
import Wire

@testable import FakeCircleCI
@testable import Meter

/// Makes one connection's bytes, and knows which bodies in them are signed as they should be. Texts stand for bytes, a
/// character up to U+00FF each.
struct RequestForge {
    var generator: SeededGenerator
    /// What is signed, wherever it stands, be it inside another request.
    private(set) var signed: Set<[UInt8]> = []
    private let secret: WebhookSecret
    private let seed: UInt64
    private var serial = 0

    init(seed: UInt64, secret: WebhookSecret) {
        generator = SeededGenerator(seed: seed)
        self.seed = seed
        self.secret = secret
    }

    static func bytes(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

    /// A body of its own, and its signature's field.
    mutating func body(_ inside: String = "") -> (text: String, field: String) {
        serial += 1
        let inside = inside.isEmpty ? "" : ",\"x\":\"\(inside)\""
        let text = "{\"id\":\"\(seed)-\(serial)\"\(inside)}"
        let bytes = RequestForge.bytes(text)
        signed.insert(bytes)
        return (text, "circleci-signature: \(WebhookSignature.header(for: bytes, secret: secret))\r\n")
    }

    static let post = "POST /webhooks/circleci/acme HTTP/1.1\r\n"
    static let host = "host: x\r\n"
    static let health = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"

    /// A delivery as it should be, but for what is given.
    mutating func delivery(line: String = post, fields: String = host) -> String {
        let (text, field) = body()
        return "\(line)\(fields)\(field)content-length: \(text.utf8.count)\r\n\r\n\(text)"
    }

    /// A signed delivery whose framing the caller writes, from the body on.
    mutating func framed(_ framing: (String) -> String) -> String {
        let (text, field) = body()
        return RequestForge.post + RequestForge.host + field + framing(text)
    }

    /// A body in chunks.
    mutating func chunked(_ text: String) -> String {
        var rest = text[...]
        var chunks = ""
        while !rest.isEmpty {
            let piece = rest.prefix(generator.integer(in: 1...rest.count))
            rest = rest.dropFirst(piece.count)
            let size = String(piece.unicodeScalars.count, radix: 16, uppercase: generator.chance(0.5))
            let mark = generator.chance(0.2) ? generator.element(of: [";a", ";a=b", ";a=\"b c\"", ";a;b"]) : ""
            chunks += "\(generator.chance(0.1) ? "0" : "")\(size)\(mark)\r\n\(piece)\r\n"
        }
        let trailer = generator.chance(0.1) ? generator.element(of: ["t: v\r\n", "t:\r\nu: w\r\n"]) : ""
        return "\(chunks)0\r\n\(trailer)\r\n"
    }

    /// A signed delivery that would be one of its own, were the framing around it read otherwise.
    mutating func smuggled() -> String { delivery() }
}

// MARK: The grammar

extension RequestForge {
    /// The whole of a connection: one to three messages, good ones before and after bad ones, and now and then bytes
    /// changed by chance.
    mutating func connection() -> [UInt8] {
        if generator.chance(0.15) {
            let form = generator.element(of: RequestForge.classicForms)
            return RequestForge.bytes(form.make(&self))
        }
        var text = ""
        for _ in 0..<generator.element(of: [1, 1, 1, 2, 2, 3]) { text += message() }
        var bytes = RequestForge.bytes(text)
        if generator.chance(0.3) { for _ in 0..<generator.integer(in: 1...3) { damage(&bytes) } }
        return bytes
    }

    private mutating func message() -> String {
        if generator.chance(0.15) { return RequestForge.health }
        var (text, field) = body(generator.chance(0.15) ? "padding" : "")
        if generator.chance(0.12) {
            // Inside of the body a delivery of its own.
            let inner = smuggled()
            (text, field) = (inner, generator.chance(0.5) ? field : "")
        }
        let line =
            generator.chance(0.8)
            ? RequestForge.post : generator.element(of: RequestForge.requestLines)
        var fields = generator.chance(0.95) ? RequestForge.host : ""
        for _ in 0..<generator.element(of: [0, 0, 0, 1, 2, 4]) {
            fields +=
                generator.chance(0.75)
                ? generator.element(of: RequestForge.goodFields) : generator.element(of: RequestForge.badFields)
        }
        switch generator.integer(in: 0...19) {
        case 0: field = ""
        case 1: field = "circleci-signature: v1=\(String(repeating: "0", count: 64))\r\n"
        case 2: field += "circleci-signature: v2=x\r\n"
        case 3: field = field.replacing("circleci-signature: v1", with: "CircleCI-Signature:\t v0=1 ,v1")
        default: break
        }
        if generator.chance(0.5) { (fields, field) = (field, fields) }
        return line + fields + field + framing(text)
    }

    private mutating func framing(_ text: String) -> String {
        let count = text.unicodeScalars.count
        switch generator.integer(in: 0...9) {
        case 0...4: return "content-length: \(count)\r\n\r\n\(text)"
        case 5, 6: return "transfer-encoding: chunked\r\n\r\n\(chunked(text))"
        default:
            let length = generator.element(of: RequestForge.lengths)
                .replacing("N", with: "\(count)").replacing("M", with: "\(max(0, count - 3))")
            let coding = generator.element(of: RequestForge.codings)
            let isChunked = generator.chance(0.5)
            let body = isChunked ? chunked(text) : text
            switch generator.integer(in: 0...3) {
            case 0: return "\(length)\r\n\(body)"
            case 1: return "\(coding)\r\n\(body)"
            case 2: return "\(length)\(coding)\r\n\(body)"
            default: return "\(coding)\(length)\r\n\(body)"
            }
        }
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = generator.integer(in: 0...(bytes.count - 1))
        let special: [UInt8] = [0, 9, 10, 11, 13, 32, 34, 44, 47, 58, 59, 61, 63, 127, 128, 255]
        switch generator.integer(in: 0...5) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 1: bytes[place] ^= 1 << UInt8(generator.integer(in: 0...7))
        case 2: bytes.insert(generator.element(of: special), at: place)
        case 3: bytes.remove(at: place)
        case 4: bytes.removeSubrange(place..<min(bytes.count, place + generator.integer(in: 1...20)))
        default:
            let piece = bytes[place..<min(bytes.count, place + generator.integer(in: 1...40))]
            bytes.insert(contentsOf: piece, at: generator.integer(in: 0...bytes.count))
        }
    }
}
