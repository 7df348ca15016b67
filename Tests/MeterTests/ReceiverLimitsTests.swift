import EventLog
import FakeCircleCI
import NIOCore
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Limits of the public listener, over a socket")
struct ReceiverLimitsTests {
    private static let small = {
        var limits = ReceiverLimits()
        limits.maximumBodyBytes = 100
        limits.maximumRequestLineBytes = 60
        limits.maximumHeaderCount = 5
        limits.maximumHeaderBytes = 200
        limits.lingerTime = .milliseconds(100)
        return limits
    }()

    /// A delivery that waits for its body, which comes in chunks.
    private static let chunked =
        "POST /webhooks/circleci/acme HTTP/1.1\r\ncircleci-signature: v1=x\r\ntransfer-encoding: chunked\r\n\r\n"

    @Test("A body has its limit, whether its length is stated or not", arguments: [99, 100, 101])
    func bodySize(_ count: Int) async throws {
        try await RunningReceiver.run(Self.small) { receiver in
            let body = "{\"a\":\"" + String(repeating: "x", count: count - 8) + "\"}"
            let status = count <= 100 ? 200 : 413
            let whole = try await RawClient.answers(receiver.port, to: receiver.rawDelivery(body))
            #expect(whole.map(\.status) == [status])
            var chunks = "transfer-encoding: chunked\r\n\r\n"
            for character in body { chunks += "1\r\n\(character)\r\n" }
            let chunked = receiver.rawDelivery(body, framing: chunks + "0\r\n\r\n")
            let inPieces = try await RawClient.answers(receiver.port, to: chunked)
            #expect(inPieces.map(\.status) == [status])
            if status == 413 {
                #expect(whole.first?.code == "body_too_large")
                #expect(inPieces.first?.code == "body_too_large")
                #expect(whole.first?.headers["connection"] == "close")
                #expect(receiver.count(#"outcome="rejected",reason="body_too_large""#) == 2)
            }
            #expect(receiver.log.entries.count == (status == 200 ? 2 : 0))
        }
    }

    @Test("Unless set, a body may have 1 MiB")
    func defaultBodySize() async throws {
        try await RunningReceiver.run { receiver in
            for (count, status) in [((1 << 20), 200), ((1 << 20) + 1, 413)] {
                let body = "{\"a\":\"" + String(repeating: "x", count: count - 8) + "\"}"
                let answers = try await RawClient.answers(receiver.port, to: receiver.rawDelivery(body))
                #expect(answers.map(\.status) == [status])
            }
            #expect(receiver.log.entries.map(\.body.count) == [1 << 20])
        }
    }

    @Test("A request line has its limit", arguments: [59, 60, 61, 62, 300, 100_000])
    func requestLine(_ count: Int) async throws {
        try await RunningReceiver.run(Self.small) { receiver in
            let path = "/" + String(repeating: "x", count: count - "GET / HTTP/1.1".count)
            let request = "GET \(path) HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            let answers = try await RawClient.answers(receiver.port, to: request)
            #expect(answers.map(\.status) == [count <= 60 ? 404 : 414])
            #expect(answers.first?.code == (count <= 60 ? "not_found" : "request_line_too_long"))
        }
    }

    @Test("Header fields have a count", arguments: [4, 5, 6, 7, 1000])
    func headerCount(_ count: Int) async throws {
        try await RunningReceiver.run(Self.small) { receiver in
            let fields = String(repeating: "a: b\r\n", count: count - 2)
            let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\(fields)\r\n"
            let answers = try await RawClient.answers(receiver.port, to: request)
            #expect(answers.map(\.status) == [count <= 5 ? 200 : 431])
            if count > 5 { #expect(answers.first?.code == "headers_too_large") }
        }
    }

    @Test("Header fields have a size together", arguments: [199, 200, 201, 300, 100_000])
    func headerSize(_ count: Int) async throws {
        try await RunningReceiver.run(Self.small) { receiver in
            let fixed = "host: x\r\nconnection: close\r\n"
            let field = "a: " + String(repeating: "b", count: count - fixed.utf8.count - 5)
            let request = "GET /healthz HTTP/1.1\r\n\(fixed)\(field)\r\n\r\n"
            let answers = try await RawClient.answers(receiver.port, to: request)
            #expect(answers.map(\.status) == [count <= 200 ? 200 : 431])
            if count > 200 { #expect(answers.first?.code == "headers_too_large") }
        }
    }

    @Test(
        "What never becomes a request is cut off: spaces in a header, empty lines, chunk extensions, trailers",
        arguments: [
            ("GET / HTTP/1.1\r\na:", " ", [431]),
            ("", "\r\n", [431]),
            ("GET /", "x", [414]),
            (chunked + "1;", "e", [400]),
            (chunked + "0\r\nt:", "e", [400]),
            // The parser takes what follows an upgrade for another protocol; nobody reads it.
            ("GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", "e", [404, 414]),
        ]
    )
    func endless(_ start: String, _ more: String, _ statuses: [Int]) async throws {
        try await RunningReceiver.run(Self.small) { receiver in
            let answers = try await RawClient.connect(receiver.port) { client in
                try await client.send(start)
                return try await withThrowingTaskGroup(of: [RawClient.Answer]?.self) { group in
                    group.addTask { await client.answers() }
                    group.addTask {
                        let piece = String(repeating: more, count: 1000)
                        // Ends when the other side does.
                        while !Task.isCancelled, (try? await client.send(piece)) != nil {}
                        return nil
                    }
                    while let answers = try await group.next() {
                        guard let answers else { continue }
                        group.cancelAll()
                        return answers
                    }
                    return []
                }
            }
            #expect(answers.map(\.status) == statuses)
            #expect(try await receiver.health() == 200)
        }
    }

    @Test(
        "What is not HTTP/1.1 is answered 400 and the connection ended",
        arguments: [
            "garbage\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET\r\n\r\n", "get / HTTP/1.1\r\n\r\n",
            "GET / HTTP/3.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: no name\r\n\r\n", "GET / HTTP/1.1\r\nname : x\r\n\r\n",
            "GET / HTTP/1.1\r\na: b\u{0}c\r\n\r\n", "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", "POST / HTTP/1.1\r\ncontent-length: 1, 2\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n",
        ]
    )
    func malformed(_ request: String) async throws {
        try await RunningReceiver.run { receiver in
            let answers = try await RawClient.answers(receiver.port, to: request)
            #expect(answers.map(\.status) == [400])
            #expect(answers.first?.code == "malformed_request")
            #expect(answers.first?.headers["connection"] == "close")
            #expect(receiver.count(#"outcome="rejected",reason="malformed_request""#) == 1)
            #expect(try await receiver.health() == 200)
        }
    }

    @Test("A body that ends before its stated length is refused, however it is signed")
    func incompleteBody() async throws {
        let log = FakeLog()
        try await RunningReceiver.run(log: log) { receiver in
            let short = receiver.rawDelivery("{}", framing: "content-length: 3\r\n\r\n{}")
            let answers = try await RawClient.answers(receiver.port, to: short, thenEnd: true)
            #expect(answers.map(\.status) == [400])
            #expect(answers.first?.code == "incomplete_body")
            let chunks = "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
            let ends = receiver.rawDelivery("{}", framing: chunks)
            let endAnswers = try await RawClient.answers(receiver.port, to: ends, thenEnd: true)
            #expect(endAnswers.map(\.status) == [400])
            let bad = receiver.rawDelivery("{}", framing: chunks + "zz\r\n")
            let badAnswers = try await RawClient.answers(receiver.port, to: bad)
            #expect(badAnswers.map(\.status) == [400])
        }
        // Once the service has ended, everything that it began is done.
        #expect(log.entries.isEmpty)
    }

    @Test("Bytes by chance, and deliveries changed by chance, crash nothing and put nothing else on the log")
    func chance() async throws {
        try await RunningReceiver.run { receiver in
            let body = Array(#"{"id":"e1","webhook":{"id":"w1"}}"#.utf8)
            let delivery = Array(receiver.rawDelivery(String(decoding: body, as: UTF8.self)).utf8)
            for round in UInt64(0)..<150 {
                let seed = TestSeed.of(round: round)
                var generator = SeededGenerator(seed: seed)
                var bytes = delivery
                let length = Int.random(in: 1...300, using: &generator)
                switch round % 3 {
                case 0: bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
                case 1: bytes[bytes.count - Int.random(in: 1...body.count, using: &generator)] ^= 1
                default: bytes[Int.random(in: bytes.indices, using: &generator)] ^= 0xff
                }
                let answers = try await RawClient.connect(receiver.port) { [bytes] client in
                    try await client.send(bytes)
                    client.end()
                    return await client.answers()
                }
                let statuses = [200, 400, 401, 404, 405, 413, 414, 431]
                #expect(answers.allSatisfy { statuses.contains($0.status) }, "seed \(seed)")
                if round % 3 == 1 { #expect(answers.map(\.status) == [401], "seed \(seed)") }
            }
            #expect(receiver.log.entries.allSatisfy { $0.body == body })
            #expect(try await receiver.health() == 200)
        }
    }
}
