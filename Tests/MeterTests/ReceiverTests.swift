import AsyncHTTPClient
import CircleCI
import EventLog
import Glibc
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("The public listener")
struct ReceiverTests {
    private static let body = Array(#"{"id":"e1","type":"ping","webhook":{"id":"w1","name":"n"}}"#.utf8)

    @Test("A signed delivery is on the log, byte for byte, when the answer says so")
    func accepted() async throws {
        try await RunningReceiver.run { receiver in
            let body = Array(" {\n\t\"id\":\"e1\" , \"x\":\"\\u00e9\u{e9}\"}\r\n".utf8)
            let answer = try await receiver.deliver(body)
            #expect(answer.status == 200)
            #expect(answer.body == #"{"status":"accepted","sequence":1}"#)
            #expect(answer.headers.first(name: "content-type") == "application/json")
            let entry = try #require(receiver.log.entries.first)
            #expect(entry.body == body)
            #expect(entry.connection == "acme")
            #expect(entry.source == .webhook)
            #expect(entry.signature == receiver.signature(body))
            #expect(entry.receivedAt == RunningReceiver.clock)
            #expect(receiver.count(#"outcome="accepted""#) == 1)
        }
    }

    @Test("The same event again is a duplicate; the same id from another webhook is not")
    func duplicates() async throws {
        try await RunningReceiver.run { receiver in
            let first = Array(#"{"id":"e1","webhook":{"id":"w1"}}"#.utf8)
            let again = Array(#"{"webhook":{"name":"n","id":"w1"},"id":"e1"}"#.utf8)
            let other = Array(#"{"id":"e1","webhook":{"id":"w2"}}"#.utf8)
            var answers: [String] = []
            for body in [first, again, other] { answers.append(try await receiver.deliver(body).body) }
            #expect(
                answers == [
                    #"{"status":"accepted","sequence":1}"#, #"{"status":"duplicate"}"#,
                    #"{"status":"accepted","sequence":2}"#,
                ]
            )
            #expect(receiver.log.entries.count == 2)
            #expect(receiver.count(#"outcome="duplicate""#) == 1)
        }
    }

    @Test("A delivery without an id is never a duplicate")
    func withoutId() async throws {
        try await RunningReceiver.run { receiver in
            for body in [#"{}"#, #"{}"#, #"{"id":7}"#, #"{"id":""}"#, #"{"webhook":{"id":"w"}}"#] {
                let answer = try await receiver.deliver(Array(body.utf8))
                #expect(answer.status == 200)
            }
            #expect(receiver.log.entries.count == 5)
            #expect(receiver.log.entries.allSatisfy { $0.deduplicationKey == nil })
        }
    }

    @Test("Unsigned, wrongly signed, unknown: each has its answer, and nothing is kept")
    func refused() async throws {
        try await RunningReceiver.run { receiver in
            let right = receiver.signature(Self.body)
            let wrong = "v1=" + String(repeating: "0", count: 64)
            let table: [(url: String, signature: String?, status: Int, code: String)] = [
                (receiver.deliveries, nil, 401, "signature_missing"),
                (receiver.deliveries, "", 401, "signature_missing"),
                (receiver.deliveries, "  ", 401, "signature_missing"),
                (receiver.deliveries, wrong, 401, "signature_mismatch"),
                (receiver.deliveries, "v2=" + right.dropFirst(3), 401, "signature_mismatch"),
                (receiver.deliveries, String(right.dropLast()), 401, "signature_mismatch"),
                (receiver.deliveries, "nonsense", 401, "signature_mismatch"),
                (receiver.url + "/webhooks/circleci/other", right, 404, "unknown_connection"),
                (receiver.url + "/webhooks/circleci/ACME", right, 404, "unknown_connection"),
                (receiver.url + "/webhooks/circleci/a%63me", right, 404, "unknown_connection"),
                (receiver.url + "/webhooks/circleci", right, 404, "not_found"),
                (receiver.url + "/webhooks/circleci/acme/x", right, 404, "not_found"),
                (receiver.url + "/webhooks/github/acme", right, 404, "not_found"),
                (receiver.url + "/", right, 404, "not_found"),
            ]
            for row in table {
                let answer = try await RunningReceiver.send(.POST, row.url, Self.body, signature: row.signature)
                #expect(answer.status == row.status, "\(row)")
                #expect(answer.body.hasPrefix(#"{"error":{"code":"\#(row.code)","message":""#), "\(row)")
                #expect(answer.headers.first(name: "content-type") == "application/json")
                // Neither the secret nor what would have been right is told.
                #expect(!answer.body.contains(right.dropFirst(3)))
            }
            // Nobody looks into what is not signed.
            for text in ["", "[1]", "payload=%7B%7D"] {
                let body = Array(text.utf8)
                let answer = try await RunningReceiver.send(.POST, receiver.deliveries, body, signature: wrong)
                #expect(answer.status == 401, "\(text)")
            }
            #expect(receiver.log.entries.isEmpty)
            #expect(receiver.quarantine.count == 0)
            #expect(receiver.count(#"outcome="rejected",reason="signature_missing""#) == 3)
            #expect(receiver.count(#"outcome="rejected",reason="signature_mismatch""#) == 7)
            #expect(receiver.count(#"outcome="rejected",reason="unknown_connection""#) == 3)
        }
    }

    @Test("One v1 that fits among others is enough")
    func signatureList() async throws {
        try await RunningReceiver.run { receiver in
            let header = "v2=ff, v1=00,\(receiver.signature(Self.body))"
            let answer = try await RunningReceiver.send(.POST, receiver.deliveries, Self.body, signature: header)
            #expect(answer.status == 200)
            #expect(receiver.log.entries.first?.signature == header)
        }
    }

    @Test("A body signed as it should be and changed by a byte does not fit")
    func changedBody() async throws {
        try await RunningReceiver.run { receiver in
            let signature = receiver.signature(Self.body)
            for changed in [Self.body + [0x0a], Array(Self.body.dropLast())] {
                let answer = try await RunningReceiver.send(.POST, receiver.deliveries, changed, signature: signature)
                #expect(answer.status == 401)
            }
        }
    }

    @Test("Another method is answered 405 and told which are allowed")
    func methods() async throws {
        try await RunningReceiver.run { receiver in
            for method in [HTTPMethod.GET, .PUT, .DELETE, .PATCH, .OPTIONS, .PROPFIND] {
                let answer = try await RunningReceiver.send(method, receiver.deliveries)
                #expect(answer.status == 405)
                #expect(answer.headers.first(name: "allow") == "POST")
                #expect(answer.body.hasPrefix(#"{"error":{"code":"method_not_allowed","#))
            }
            let answer = try await RunningReceiver.send(.POST, receiver.url + "/healthz", Self.body)
            #expect(answer.status == 405)
            #expect(answer.headers.first(name: "allow") == "GET, HEAD")
        }
    }

    @Test("The health check answers while the process serves")
    func health() async throws {
        try await RunningReceiver.run { receiver in
            let answer = try await RunningReceiver.send(.GET, receiver.url + "/healthz")
            #expect(answer.status == 200)
            #expect(answer.body == #"{"status":"ok"}"#)
            let head = try await RunningReceiver.send(.HEAD, receiver.url + "/healthz")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
        }
    }

    @Test("A log that takes nothing is a 503 with Retry-After, without its reasons; afterwards all is well")
    func logUnavailable() async throws {
        try await RunningReceiver.run { receiver in
            receiver.log.fail(with: LogError(code: .closed, message: "the log is closed", path: "/very/private/path"))
            let answer = try await receiver.deliver(Self.body)
            #expect(answer.status == 503)
            #expect(answer.headers.first(name: "retry-after") == "10")
            #expect(answer.body.hasPrefix(#"{"error":{"code":"log_unavailable","#))
            #expect(!answer.body.contains("private"))
            receiver.log.fail(with: nil)
            #expect(try await receiver.deliver(Self.body).status == 200)
            #expect(receiver.count(#"outcome="rejected",reason="log_unavailable""#) == 1)
        }
    }

    @Test("Many deliveries at once are all kept")
    func concurrency() async throws {
        try await RunningReceiver.run { receiver in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        try await receiver.deliver(Array(#"{"id":"e\#(index)"}"#.utf8)).status
                    }
                }
                for try await status in group { #expect(status == 200) }
            }
            #expect(Set(receiver.log.entries.map(\.body)).count == 200)
        }
    }

    @Test("What was answered accepted is what a reader finds on the log, and is known as a duplicate after a restart")
    func wholeWay() async throws {
        let directory = TemporaryDirectory()
        let body = Array(#"{"id":"e1","webhook":{"id":"w1"}}"#.utf8)
        let key: @Sendable (LogRecord) -> UInt128? = { record in
            record.withBody { DeliveryKey.of($0, connection: record.connection) }
        }
        for expected in [#"{"status":"accepted","sequence":1}"#, #"{"status":"duplicate"}"#] {
            let log = try EventLog.open(
                directory: directory.path("log"),
                now: { RunningReceiver.clock },
                deduplicationKey: key
            )
            try await RunningReceiver.run(log: log) { receiver in
                let answer = try await receiver.deliver(body)
                #expect(answer.body == expected)
            }
            await log.close()
        }
        var bodies: [[UInt8]] = []
        try LogReader(directory: directory.path("log")).read(after: nil) { item in
            if case .record(let record) = item { bodies.append(record.withBody { Array($0) }) }
            return true
        }
        #expect(bodies == [body])
    }

    @Test("The key of a delivery is made of connection, webhook and id, in any order of members")
    func deliveryKey() {
        func key(_ text: String, _ connection: String = "acme") -> UInt128? {
            Array(text.utf8).withUnsafeBytes { DeliveryKey.of($0, connection: connection) }
        }
        let base = key(#"{"id":"e","webhook":{"id":"w"}}"#)
        #expect(base != nil)
        #expect(key(#"{"webhook":{"x":[{}],"id":"w"},"y":{"id":"z"},"id":"e"}"#) == base)
        #expect(key(#"{"id":"\u0065","webhook":{"id":"w"}}"#) == base)
        for other in [#"{"id":"w","webhook":{"id":"e"}}"#, #"{"id":"e"}"#, #"{"id":"e","webhook":"w"}"#] {
            #expect(key(other) != nil)
            #expect(key(other) != base)
        }
        #expect(key(#"{"id":"e","webhook":{"id":"w"}}"#, "other") != base)
        #expect(key(#"[]"#) == nil)
    }
}
