import Wire

@testable import Meter

/// HTTP/1.1 as RFC 9112 has it, read from a connection's whole bytes at once, written apart from the parser of the
/// product. Where the RFC leaves a choice it takes the stricter one; what the product takes beyond that, each harmless
/// to where a message ends, is said where it is allowed.
struct ReferenceParser {
    struct Request: Equatable {
        var method: String
        var target: [UInt8]
        var fields: [(name: String, value: [UInt8])]
        var body: [UInt8] = []

        func values(_ name: String) -> [[UInt8]] { fields.filter { $0.name == name }.map(\.value) }

        func tokens(_ name: String) -> [String] {
            values(name).flatMap { $0.split(separator: 0x2c) }.map {
                ReferenceParser.trimmed(Array($0)).lowercasedText
            }
        }

        static func == (first: Request, second: Request) -> Bool {
            first.method == second.method && first.target == second.target && first.body == second.body
        }
    }

    enum End: Equatable {
        /// Between two messages, or behind the last one that the connection is for.
        case clean
        /// Within a message, or where none can be: one more answer, an error.
        case refused
        /// From here on nobody knows: an upgrade, or what the RFC leaves open. Nothing is claimed of the rest.
        case open
    }

    struct Reading: Equatable {
        var requests: [Request] = []
        var end = End.clean
        /// Where each request ends.
        var ends: [Int] = []
        /// All that came of the chunks of a message whose end did not come. Signed, it may count.
        var unfinished: [UInt8]?
    }

    let limits: ReceiverLimits
    private let bytes: [UInt8]
    private var position = 0
    private var unfinished: [UInt8]?

    static func read(_ bytes: [UInt8], _ limits: ReceiverLimits) -> Reading {
        var parser = ReferenceParser(limits: limits, bytes: bytes)
        return parser.readAll()
    }

    private init(limits: ReceiverLimits, bytes: [UInt8]) {
        (self.limits, self.bytes) = (limits, bytes)
    }

    private enum Stop: Error { case refused, open }

    private mutating func readAll() -> Reading {
        var reading = Reading()
        do throws(Stop) {
            while true {
                // The RFC asks for one empty line to be ignored; more, and halves of one, are ignored as well.
                let start = position
                while position < bytes.count, bytes[position] == 0x0d || bytes[position] == 0x0a { position += 1 }
                if position - start > limits.maximumHeaderBytes { throw .open }
                guard position < bytes.count else { return reading }
                let (request, isLast) = try message()
                reading.requests.append(request)
                reading.ends.append(position)
                if isLast { return reading }
                let asksUpgrade = request.tokens("connection").contains("upgrade") && !request.values("upgrade").isEmpty
                if asksUpgrade || request.method == "CONNECT" { throw .open }
            }
        } catch {
            reading.end = error == .open ? .open : .refused
            reading.unfinished = unfinished
            return reading
        }
    }

    private mutating func message() throws(Stop) -> (Request, isLast: Bool) {
        let (method, target, minor) = try requestLine()
        var request = Request(method: method, target: target, fields: [])
        request.fields = try fieldLines()
        if !request.values("proxy-connection").isEmpty { throw .open }
        let size = request.fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + 4 }
        guard request.fields.count <= limits.maximumHeaderCount, size <= limits.maximumHeaderBytes else {
            throw .refused
        }
        let codings = request.values("transfer-encoding")
        let lengths = request.values("content-length")
        if !codings.isEmpty {
            guard codings.count == 1, codings[0].lowercasedText == "chunked", lengths.isEmpty, minor == 1 else {
                throw .refused
            }
            request.body = try chunks(request.fields.count)
        } else if let length = lengths.first {
            guard lengths.count == 1, !length.isEmpty, length.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw .refused
            }
            guard let count = Int(String(decoding: length, as: UTF8.self)), count <= limits.maximumBodyBytes else {
                throw .refused
            }
            request.body = try take(count)
        }
        let connection = request.tokens("connection")
        return (request, connection.contains("close") || (minor == 0 && !connection.contains("keep-alive")))
    }

    private mutating func requestLine() throws(Stop) -> (String, [UInt8], Int) {
        var line = try self.line()[...]
        guard let space = line.firstIndex(of: 0x20) else { throw .refused }
        let method = String(decoding: line[..<space], as: UTF8.self)
        guard ReferenceParser.methods.contains(method) else { throw .refused }
        // More than one space is read as one, which RFC 9112, 3 allows.
        line = line[space...].drop { $0 == 0x20 }
        guard let end = line.firstIndex(of: 0x20) else { throw .refused }
        let target = Array(line[..<end])
        let version = line[end...].drop { $0 == 0x20 }
        // The product's parser takes another protocol's name with these numbers for HTTP.
        if version.starts(with: "RTSP/1.".utf8) { throw .open }
        guard version.elementsEqual("HTTP/1.1".utf8) || version.elementsEqual("HTTP/1.0".utf8) else {
            throw .refused
        }
        guard method.utf8.count + target.count + 10 <= limits.maximumRequestLineBytes else { throw .refused }
        let isPlain = target.first == 0x2f && target.allSatisfy { (0x21...0x7e).contains($0) }
        let isAbsolute = target.starts(with: "http://x/".utf8) && target.allSatisfy { (0x21...0x7e).contains($0) }
        guard isPlain || isAbsolute || target == [0x2a] else {
            // Control bytes that end or begin nothing are one thing, forms that no client uses another.
            throw .open
        }
        return (method, target, version.last == 0x31 ? 1 : 0)
    }

    private mutating func fieldLines() throws(Stop) -> [(String, [UInt8])] {
        var fields: [(String, [UInt8])] = []
        while true {
            let line = try self.line()
            if line.isEmpty { return fields }
            guard let colon = line.firstIndex(of: 0x3a), colon > 0, line[..<colon].allSatisfy(ReferenceParser.isToken)
            else { throw .refused }
            let value = ReferenceParser.trimmed(Array(line[(colon + 1)...]))
            guard value.allSatisfy({ $0 == 0x09 || ($0 >= 0x20 && $0 != 0x7f) }) else { throw .refused }
            fields.append((Array(line[..<colon]).lowercasedText, value))
        }
    }

    private mutating func chunks(_ headerCount: Int) throws(Stop) -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let line = try self.line()
            let digits = line.prefix { Hex.value($0) != nil }
            let rest = line[digits.count...]
            guard !digits.isEmpty else { throw .refused }
            guard ReferenceParser.isExtension(rest) else {
                // The product's parser takes an extension without a name or a value; it says nothing of the length.
                let isNearly =
                    rest.first == 0x3b && rest.allSatisfy { ReferenceParser.isToken($0) || [0x3b, 0x3d].contains($0) }
                throw isNearly ? .open : .refused
            }
            guard let count = Int(String(decoding: digits, as: UTF8.self), radix: 16) else { throw .refused }
            if count == 0 {
                let trailers: [(String, [UInt8])]
                // The body is whole: whether it counts when what ends the message is broken is left open.
                do throws(Stop) { trailers = try fieldLines() } catch { throw .open }
                guard headerCount + trailers.count <= limits.maximumHeaderCount else { throw .open }
                let framing = ["content-length", "transfer-encoding", "connection", "upgrade", "proxy-connection"]
                guard !trailers.contains(where: { framing.contains($0.0) }) else { throw .open }
                unfinished = nil
                return body
            }
            guard body.count + count <= limits.maximumBodyBytes else { throw .refused }
            body += try take(count)
            unfinished = body
            guard try take(2) == [0x0d, 0x0a] else { throw .refused }
        }
    }

    /// A line without its CRLF; neither byte may stand alone.
    private mutating func line() throws(Stop) -> [UInt8] {
        var end = position
        while end < bytes.count, bytes[end] != 0x0d, bytes[end] != 0x0a { end += 1 }
        guard end + 1 < bytes.count, bytes[end] == 0x0d, bytes[end + 1] == 0x0a else { throw .refused }
        defer { position = end + 2 }
        return Array(bytes[position..<end])
    }

    private mutating func take(_ count: Int) throws(Stop) -> [UInt8] {
        guard bytes.count - position >= count else { throw .refused }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    // MARK: Grammar

    static let methods: Set = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "PURGE", "LOCK",
        "SEARCH", "MERGE", "COPY", "MOVE", "MKCOL", "UNLOCK", "LINK", "UNLINK", "REPORT", "BIND", "NOTIFY", "ACL",
    ]

    static func isToken(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        return Array(bytes.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    /// `*( ";" token [ "=" ( token / quoted-string ) ] )`, without the white space that the RFC calls bad.
    private static func isExtension(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            guard rest.removeFirst() == 0x3b, let first = rest.first, isToken(first) else { return false }
            rest = rest.drop(while: isToken)
            guard rest.first == 0x3d else { continue }
            rest.removeFirst()
            if rest.first == 0x22 {
                rest.removeFirst()
                while let byte = rest.first, byte != 0x22 {
                    rest.removeFirst()
                    if byte == 0x5c, !rest.isEmpty { rest.removeFirst() }
                }
                guard rest.popFirst() == 0x22 else { return false }
            } else {
                guard let first = rest.first, isToken(first) else { return false }
                rest = rest.drop(while: isToken)
            }
        }
        return true
    }
}

extension [UInt8] {
    var lowercasedText: String { String(decoding: self, as: UTF8.self).lowercased() }
}
