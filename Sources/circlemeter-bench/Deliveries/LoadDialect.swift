import NIOCore

/// How a server that is put under load answers.
enum LoadDialect: Sendable {
    case http
    /// PostgreSQL's protocol 3: the messages with which a connection begins, each answered before the next.
    case postgres(greetings: [ByteBuffer])

    struct Answer {
        var isDuplicate: Bool
    }

    var greetings: [ByteBuffer] {
        switch self {
        case .http: []
        case .postgres(let greetings): greetings
        }
    }

    /// Takes a complete answer; nil where more has to come.
    /// - Throws: where the answer is no good one.
    func takeAnswer(_ received: inout ByteBuffer) throws -> Answer? {
        switch self {
        case .http: try LoadDialect.takeHTTP(&received)
        case .postgres: try LoadDialect.takePostgres(&received)
        }
    }

    private static func takeHTTP(_ received: inout ByteBuffer) throws -> Answer? {
        let answer: (status: Int, isDuplicate: Bool)? = received.withUnsafeReadableBytes { bytes in
            guard bytes.count > 12, let headEnd = headEnd(bytes) else { return nil }
            let head = String(decoding: bytes[..<headEnd], as: UTF8.self).lowercased()
            let field = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
            let bodyCount = field.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            guard bytes.count >= headEnd + 4 + bodyCount else { return nil }
            // `{"status":"duplicate"}` and `{"status":"accepted",...}` differ in their twelfth byte.
            let isDuplicate = bodyCount > 11 && bytes[headEnd + 4 + 11] == UInt8(ascii: "d")
            return (Int(head.dropFirst(9).prefix(3)) ?? 0, isDuplicate)
        }
        guard let answer else { return nil }
        received.clear()
        guard answer.status == 200 else { throw BenchFailure("the server answered \(answer.status)") }
        return Answer(isDuplicate: answer.isDuplicate)
    }

    /// Where the empty line behind the head begins.
    private static func headEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4) where bytes[index] == 0x0d && bytes[index + 2] == 0x0d {
            if bytes[index + 1] == 0x0a, bytes[index + 3] == 0x0a { return index }
        }
        return nil
    }

    /// All messages up to `ReadyForQuery`.
    private static func takePostgres(_ received: inout ByteBuffer) throws -> Answer? {
        var index = received.readerIndex
        while let kind = received.getInteger(at: index, as: UInt8.self),
            let length = received.getInteger(at: index + 1, as: Int32.self),
            index + 1 + Int(length) <= received.writerIndex
        {
            if kind == UInt8(ascii: "E") {
                let text = received.getString(at: index + 5, length: Int(length) - 4) ?? ""
                throw BenchFailure("PostgreSQL says: \(text.replacing("\0", with: " "))")
            }
            if kind == UInt8(ascii: "Z") {
                received.clear()
                return Answer(isDuplicate: false)
            }
            index += 1 + Int(length)
        }
        return nil
    }
}
