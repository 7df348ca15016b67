import NIOCore
import Synchronization
import Testing
import Wire

@testable import Meter

/// Deliveries are served on their connection's event loop, other requests by the handlers behind.
struct DeliveryHandlerTests {
    @Test func `requests of both kinds that come at once are answered in their order`() async throws {
        try await RunningReceiver.run { receiver in
            let delivery = receiver.rawDelivery("{}").replacing("connection: close\r\n", with: "")
            let health = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
            let unsigned = "POST /webhooks/circleci/acme HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
            let requests = [delivery, health, health, unsigned, delivery, delivery, health, unsigned]
            let answers = try await RawClient.answers(
                receiver.port,
                to: requests.joined() + receiver.rawDelivery("{}")
            )
            #expect(answers.map(\.status) == [200, 200, 200, 401, 200, 200, 200, 401, 200])
            #expect(
                answers.filter { $0.body.contains("sequence") }.map(\.body)
                    == (1...4).map { #"{"status":"accepted","sequence":\#($0)}"# }
            )
            #expect(answers.allSatisfy { $0.headers["content-type"] == "application/json" })
        }
    }

    @Test func `a request behind a delivery waits until that is durable`() async throws {
        let log = GatedLog()
        try await RunningReceiver.run(log: log) { receiver in
            try await RawClient.connect(receiver.port) { client in
                let delivery = receiver.rawDelivery("{}").replacing("connection: close\r\n", with: "")
                try await client.send(delivery + "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n")
                await log.arrival()
                #expect(receiver.count(#"outcome="accepted""#) == 0)
                log.open()
                #expect(
                    await client.answers().map(\.body) == [
                        #"{"status":"accepted","sequence":1}"#, #"{"status":"ok"}"#,
                    ]
                )
            }
        }
    }

    @Test func `who sends no more is still answered`() async throws {
        let log = GatedLog()
        try await RunningReceiver.run(log: log) { receiver in
            try await RawClient.connect(receiver.port) { client in
                try await client.send(receiver.rawDelivery("{}").replacing("connection: close\r\n", with: ""))
                client.end()
                await log.arrival()
                log.open()
                #expect(await client.answers().map(\.status) == [200])
            }
        }
    }

    @Test func `a client that goes away loses its answer and nothing else`() async throws {
        let log = GatedLog()
        try await RunningReceiver.run(log: log) { receiver in
            try await RawClient.connect(receiver.port) { client in
                try await client.send(receiver.rawDelivery("{}"))
                await log.arrival()
            }
            log.open()
            #expect(try await receiver.deliver(Array("{}".utf8)).status == 200)
            #expect(receiver.count(#"outcome="accepted""#) == 2)
        }
    }

    @Test func `a stop waits for the delivery that is being kept`() async throws {
        let log = GatedLog()
        let (answers, answered) = AsyncStream<[Int]>.makeStream()
        let (gone, leave) = AsyncStream<Void>.makeStream()
        let client = Mutex<Task<Void, any Error>?>(nil)
        try await RunningReceiver.run(log: log) { receiver in
            let task = Task {
                try await RawClient.connect(receiver.port) { client in
                    try await client.send(receiver.rawDelivery("{}").replacing("connection: close\r\n", with: ""))
                    await log.arrival()
                    leave.finish()
                    answered.yield(await client.answers().map(\.status))
                    answered.finish()
                }
            }
            client.withLock { $0 = task }
            for await _ in gone {}
            // The stop comes before the log.
            Task {
                while (try? await receiver.health()) == 200 {}
                log.open()
            }
        }
        try await client.withLock { $0 }?.value
        var iterator = answers.makeAsyncIterator()
        #expect(await iterator.next() == [200])
    }

    @Test(
        arguments: [
            ("/webhooks/circleci/acme", "acme"), ("/webhooks/circleci/acme?a=/b", "acme"),
            ("//webhooks/circleci//acme/", "acme"), ("http://x/webhooks/circleci/acme", "acme"),
            ("/webhooks/circleci/ACME", "ACME"), ("/webhooks/circleci/a%63me", "a%63me"),
            ("/webhooks/circleci", nil), ("/webhooks/circleci/", nil), ("/webhooks/circleci/acme/x", nil),
            ("/healthz", nil), ("/", nil), ("*", nil), ("", nil), ("/healthz?/webhooks/circleci/acme", nil),
        ]
    )
    func `a target names the connection that a delivery is for`(_ target: String, _ connection: String?) {
        #expect(DeliveryHandler.connection(in: target) == connection)
    }

    @Test(
        arguments: [
            ("2026-11-22T08:16:08.123Z", "Sun, 22 Nov 2026 08:16:08 GMT"),
            ("1994-11-06T08:49:37.999Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("2028-02-29T23:59:59.000Z", "Tue, 29 Feb 2028 23:59:59 GMT"),
        ]
    )
    func `an answer has the date that HTTP wants`(_ instant: String, _ date: String) throws {
        var bytes = ByteBuffer()
        DeliveryAnswer.duplicate.append(to: &bytes, at: try #require(Timestamp(instant)))
        #expect(
            String(buffer: bytes)
                == "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\nDate: \(date)\r\n\r\n"
                + #"{"status":"duplicate"}"#
        )
    }
}
