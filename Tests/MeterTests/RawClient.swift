import NIOCore
import NIOPosix

/// A TCP connection that says what no HTTP client would.
struct RawClient: Sendable {
    struct Answer: Sendable, Equatable {
        var status: Int
        var headers: [String: String]
        var body: String

        /// The code of an error.
        var code: String? {
            body.split(separator: "\"code\":\"").dropFirst().first.map { String($0.prefix { $0 != "\"" }) }
        }
    }

    private let received: AsyncStream<Answer>
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    /// Connects, runs `body`, and closes.
    static func connect<Value: Sendable>(
        _ port: Int,
        _ body: (RawClient) async throws -> Value
    ) async throws -> Value {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true)
                    )
                }
            }
        let (received, continuation) = AsyncStream<Answer>.makeStream()
        return try await channel.executeThenClose { inbound, outbound in
            let reader = Task {
                defer { continuation.finish() }
                var buffer = ByteBuffer()
                for try await chunk in inbound {
                    buffer.writeImmutableBuffer(chunk)
                    while let answer = next(in: &buffer) { continuation.yield(answer) }
                }
            }
            defer { reader.cancel() }
            return try await body(RawClient(received: received, outbound: outbound))
        }
    }

    /// Sends all, and reads answers until the other side ends the connection.
    static func answers(_ port: Int, to text: String, thenEnd: Bool = false) async throws -> [Answer] {
        try await connect(port) { client in
            try await client.send(text)
            if thenEnd { client.end() }
            return await client.answers()
        }
    }

    func send(_ text: String) async throws {
        try await outbound.write(ByteBuffer(string: text))
    }

    func send(_ bytes: [UInt8]) async throws {
        try await outbound.write(ByteBuffer(bytes: bytes))
    }

    func end() {
        outbound.finish()
    }

    /// All answers until the other side ends the connection; a last one that is cut short is left out.
    func answers() async -> [Answer] {
        await answers(.max)
    }

    /// The next so many answers.
    func answers(_ count: Int) async -> [Answer] {
        var answers: [Answer] = []
        for await answer in received {
            answers.append(answer)
            if answers.count == count { break }
        }
        return answers
    }

    private static func next(in buffer: inout ByteBuffer) -> Answer? {
        let text = buffer.getString(at: buffer.readerIndex, length: buffer.readableBytes) ?? ""
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts[1].drop { $0 == " " }.description
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        let headLength = text[..<end.upperBound].utf8.count
        guard buffer.readableBytes >= headLength + length else { return nil }
        buffer.moveReaderIndex(forwardBy: headLength)
        return Answer(status: status, headers: headers, body: buffer.readString(length: length) ?? "")
    }
}
