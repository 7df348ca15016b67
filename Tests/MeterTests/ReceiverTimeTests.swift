import NIOCore
import Testing

@testable import Meter

@Suite("Time and connections of the public listener, over a socket")
struct ReceiverTimeTests {
    @Test("A sender that stalls in the head or in the body gets 408, and the connection ends")
    func stalled() async throws {
        var limits = ReceiverLimits()
        limits.receiveTime = .milliseconds(100)
        try await RunningReceiver.run(limits) { receiver in
            let starts = [
                "P", "POST /webhooks/circleci/acme HTTP/1.1\r\nhost: x\r\n",
                receiver.rawDelivery("{}", framing: "content-length: 2\r\n\r\n{"),
                receiver.rawDelivery("{}", framing: "transfer-encoding: chunked\r\n\r\n1\r\n{"),
            ]
            for start in starts {
                let answers = try await RawClient.answers(receiver.port, to: start)
                #expect(answers.map(\.status) == [408])
                #expect(answers.first?.code == "request_timeout")
            }
            #expect(receiver.count(#"outcome="rejected",reason="request_timeout""#) == starts.count)
            #expect(receiver.log.entries.isEmpty)
        }
    }

    @Test("A sender whose headers drip in without end gets 408")
    func dripping() async throws {
        var limits = ReceiverLimits()
        limits.receiveTime = .milliseconds(200)
        try await RunningReceiver.run(limits) { receiver in
            try await RawClient.connect(receiver.port) { client in
                async let answers = client.answers()
                try await client.send("GET /healthz HTTP/1.1\r\na: ")
                let drip = Task {
                    while !Task.isCancelled, (try? await client.send("x")) != nil {
                        try? await Task.sleep(for: .milliseconds(5))
                    }
                }
                #expect(await answers.map(\.status) == [408])
                drip.cancel()
                await drip.value
            }
        }
    }

    @Test("A connection on which nothing comes is closed, before a first request and after one")
    func idle() async throws {
        var limits = ReceiverLimits()
        limits.idleTime = .seconds(5)
        try await RunningReceiver.run(limits) { receiver in
            let never = try await RawClient.connect(receiver.port) { await $0.answers() }
            #expect(never == [])
            let once = try await RawClient.answers(receiver.port, to: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            #expect(once.map(\.status) == [200])
        }
    }

    @Test("Requests one after the other, and several at once, are answered in order on one connection")
    func keepAlive() async throws {
        try await RunningReceiver.run { receiver in
            try await RawClient.connect(receiver.port) { client in
                for _ in 0..<3 {
                    try await client.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                    #expect(await client.answers(1).map(\.status) == [200])
                }
                try await client.send(
                    "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /none HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n"
                )
                #expect(await client.answers().map(\.status) == [200, 404, 400])
            }
        }
    }

    @Test("A client that holds its body back is asked for it, unless it is refused already")
    func expectContinue() async throws {
        try await RunningReceiver.run { receiver in
            let body = "{}"
            try await RawClient.connect(receiver.port) { client in
                let framing = "expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
                try await client.send(receiver.rawDelivery(body, framing: framing))
                #expect(await client.answers(1).map(\.status) == [100])
                try await client.send(body)
                #expect(await client.answers(1).map(\.status) == [200])
            }
            let tooLarge = "expect: 100-continue\r\ncontent-length: 2000000\r\n\r\n"
            let refused = receiver.rawDelivery(body, framing: tooLarge)
            #expect(try await RawClient.answers(receiver.port, to: refused).map(\.status) == [413])
        }
    }

    @Test("A refused client that sends all before it reads can still read why", arguments: [false, true])
    func lingering(_ isChunked: Bool) async throws {
        var limits = ReceiverLimits()
        // The client ends the connection itself, however slow the machine is.
        limits.lingerTime = .seconds(60)
        try await RunningReceiver.run(limits) { receiver in
            let count = 32 << 20
            let framing =
                isChunked
                ? "transfer-encoding: chunked\r\n\r\n\(String(count, radix: 16))\r\n"
                : "content-length: \(count)\r\n\r\n"
            let request = Array(receiver.rawDelivery("", framing: framing).utf8)
            let body = [UInt8](repeating: 0x20, count: count)
            let answer = try #require(try await BlockingClient.send(request + body, to: receiver.port))
            #expect(answer.hasPrefix("HTTP/1.1 413 "))
            #expect(answer.contains("\"body_too_large\""))
        }
    }

    @Test("One connection more than there may be pushes out the one that has been waited for longest")
    func pushedOut() async throws {
        var limits = ReceiverLimits()
        limits.maximumConnections = 2
        // On a busy machine its time would be up before the next connection is there.
        limits.receiveTime = .hours(1)
        limits.idleTime = .hours(1)
        let log = FakeLog()
        try await RunningReceiver.run(limits, log: log) { receiver in
            let starts = [
                "POST /webhooks", receiver.rawDelivery("{}", framing: "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            ]
            for start in starts {
                try await RawClient.connect(receiver.port) { first in
                    try await first.send(start)
                    for _ in 0..<2 {
                        // Kept open behind the answer: the next one is one too many.
                        let status = try await RawClient.connect(receiver.port) { other in
                            try await other.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                            let answers = await other.answers(1)
                            return try await receiver.health() == 200 ? answers.map(\.status) : []
                        }
                        #expect(status == [200])
                    }
                    #expect(await first.answers() == [])
                }
            }
            #expect(receiver.count(#"outcome="rejected",reason="request_timeout""#) > 0)
        }
        // A body whose end did not come is not taken for whole.
        #expect(log.entries.isEmpty)
    }

    @Test("Others that come push nobody out who has only just come")
    func firstTime() async throws {
        var limits = ReceiverLimits()
        limits.maximumConnections = 2
        limits.firstTime = .hours(1)
        try await RunningReceiver.run(limits) { receiver in
            try await RawClient.connect(receiver.port) { first in
                // One more than there are places for; `first` would have to leave, as the one that is waited for longest.
                try await RawClient.connect(receiver.port) { second in
                    try await second.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                    #expect(await second.answers(1).map(\.status) == [200])
                    #expect(try await receiver.health() == 200)
                }
                try await first.send(receiver.rawDelivery("{}"))
                #expect(await first.answers().map(\.status) == [200])
            }
        }
    }

    @Test("Who is being served is not pushed out")
    func served() async throws {
        let log = GatedLog()
        var limits = ReceiverLimits()
        limits.maximumConnections = 1
        try await RunningReceiver.run(limits, log: log) { receiver in
            try await RawClient.connect(receiver.port) { first in
                try await first.send(receiver.rawDelivery("{}"))
                await log.arrival()
                #expect(try await receiver.health() == 200)
                #expect(try await receiver.health() == 200)
                log.open()
                #expect(await first.answers().map(\.status) == [200])
            }
        }
    }

    @Test(
        "After the answer to a last request the listener ends the connection, whatever the client does",
        arguments: [
            "GET /healthz HTTP/1.0\r\n\r\n", "GET /healthz HTTP/1.1\r\nConnection: Close\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nconnection: x, close\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
        ]
    )
    func lastRequest(_ request: String) async throws {
        var limits = ReceiverLimits()
        limits.lingerTime = .milliseconds(100)
        limits.idleTime = .hours(1)
        try await RunningReceiver.run(limits) { receiver in
            let answers = try await RawClient.answers(receiver.port, to: request)
            #expect(answers.map(\.status) == [200])
        }
    }

    @Test("What has no body in HTTP/1.1 has none: answers to HEAD, found or not")
    func head() async throws {
        try await RunningReceiver.run { receiver in
            let request = "HEAD /none HTTP/1.1\r\n\r\nHEAD /healthz HTTP/1.1\r\nconnection: close\r\n\r\n"
            let bytes = try await onOwnThread("client") {
                try RawSocket.exchange(Array(request.utf8), port: receiver.port)
            }
            let answers = try StrictAnswers(bytes, methods: ["HEAD", "HEAD"]).answers
            #expect(answers.map(\.status) == [404, 200])
        }
    }
}
