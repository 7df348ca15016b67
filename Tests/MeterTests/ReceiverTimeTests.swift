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
        limits.idleTime = .milliseconds(500)
        try await RunningReceiver.run(limits) { receiver in
            #expect(try await RawClient.answers(receiver.port, to: "") == [])
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

    @Test("A refused client that goes on sending can still read why")
    func lingering() async throws {
        try await RunningReceiver.run { receiver in
            let count = 32 << 20
            let head = "POST /webhooks/circleci/acme HTTP/1.1\r\nhost: x\r\ncontent-length: \(count)\r\n\r\n"
            try await RawClient.connect(receiver.port) { client in
                async let answers = client.answers()
                try await client.send(head)
                let piece = [UInt8](repeating: 0x20, count: 1 << 20)
                // A client that reads only when all is sent.
                for _ in 0..<(count >> 20) { try? await client.send(piece) }
                #expect(await answers.map(\.status) == [413])
            }
        }
    }

    @Test("No more connections are served at once than the limit says")
    func connections() async throws {
        var limits = ReceiverLimits()
        limits.maximumConnections = 1
        try await RunningReceiver.run(limits) { receiver in
            let isSecondAnswered = Flag()
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await RawClient.connect(receiver.port) { first in
                    try await first.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                    #expect(await first.answers(1).map(\.status) == [200])
                    group.addTask {
                        let status = try await receiver.health()
                        #expect(status == 200)
                        isSecondAnswered.raise()
                    }
                    for _ in 0..<100 {
                        try await first.send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                        #expect(await first.answers(1).map(\.status) == [200])
                    }
                    #expect(!isSecondAnswered.isRaised, "the second waits while the first is open")
                }
                try await group.waitForAll()
            }
            #expect(isSecondAnswered.isRaised)
        }
    }
}
