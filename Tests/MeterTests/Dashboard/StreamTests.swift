import AsyncHTTPClient
import EventLog
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport
import Testing
import Wire

@testable import Meter

/// Server-sent events, over a socket.
@Suite(.timeLimit(.minutes(5)))
struct StreamTests {
    @Test func `a stream begins with where the snapshot is and tells of every advance`() async throws {
        try await RunningStream.run { live in
            live.advance(to: 7)
            let response = try await live.open()
            #expect(response.status == .ok)
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            #expect(response.headers.first(name: "cache-control") == "no-store")
            var blocks = StreamBlocks(response)
            #expect(try await blocks.next() == "retry: 2000")
            for sequence in 7...12 {
                live.advance(to: sequence)
                let crc = Hex.string(UInt32(sequence))
                #expect(
                    try await blocks.next() == "id: \(live.published.tag)\nevent: snapshot\n"
                        + "data: {\"sequence\":\(sequence),\"crc\":\"\(crc)\"}"
                )
            }
        }
    }

    @Test func `a reader who knows the present tag is told of the next one first`() async throws {
        try await RunningStream.run { live in
            live.advance(to: 7)
            let known = live.published.tag
            let response = try await live.open([
                ("authorization", "Bearer \(RunningStream.admin)"), ("last-event-id", known),
            ])
            var blocks = StreamBlocks(response)
            #expect(try await blocks.next() == "retry: 2000")
            live.advance(to: 8)
            #expect(try await blocks.next()?.contains("\"sequence\":8,") == true)
        }
    }

    @Test func `what comes faster than it is taken is one signal`() async throws {
        let signals = StreamSignals()
        #expect(signals.raise(.snapshot) && !signals.raise(.snapshot) && signals.raise(.connections))
        signals.end()
        var taken: [StreamSignals.Signals] = []
        for await _ in signals.raised { taken.append(signals.take()) }
        #expect(taken == [[.snapshot, .connections]])
        #expect(signals.take() == [])
    }

    @Test func `a change of a connection is told without an advance`() async throws {
        try await RunningStream.run { live in
            let connection = try Connection(
                id: "acme",
                organization: "gh/acme",
                webhookSecrets: [.init(Secret(Array("a secret".utf8)))],
                addedAt: .now,
                apiKey: Secret(Array("a key".utf8))
            )
            await live.monitor.track(connection, said: nil)
            var blocks = StreamBlocks(try await live.open())
            // The first event says that all who tell are listening to; a change before is no change.
            _ = try await blocks.next(event: "snapshot")
            await live.monitor.observe([.keyAccepted], of: "acme")
            await live.monitor.observe([.keyRejected, .keyRejected], of: "acme")
            #expect(try await blocks.next(event: "connections") == "event: connections\ndata: {}")
        }
    }

    @Test func `who knows the present snapshot is told of the next one only`() async throws {
        var limits = StreamAPI.Limits()
        limits.keepAlive = .milliseconds(500)
        limits.lastWords = .seconds(60)
        try await RunningStream.run(limits) { live in
            live.advance(to: 5)
            var first = StreamBlocks(try await live.open())
            let told = try #require(try await first.next(event: "snapshot"))
            let id = try #require(told.split(separator: "\n").first { $0.hasPrefix("id: ") }).dropFirst(4)
            var again = StreamBlocks(
                try await live.open([
                    ("authorization", "Bearer \(RunningStream.viewer)"), ("last-event-id", String(id)),
                ])
            )
            #expect(try await again.next() == "retry: 2000")
            #expect(try await again.next() == ": keep-alive")
            live.advance(to: 6)
            #expect(try await again.next(event: "snapshot")?.contains("\"sequence\":6") == true)
        }
    }

    @Test func `a stream that says nothing shows that it is alive`() async throws {
        var limits = StreamAPI.Limits()
        // Who has not taken one when the next is due is cut off, and a machine with much to do is slow.
        limits.keepAlive = .milliseconds(500)
        limits.lastWords = .seconds(60)
        try await RunningStream.run(limits) { live in
            var blocks = StreamBlocks(try await live.open())
            _ = try await blocks.next(event: "snapshot")
            for _ in 0..<3 { #expect(try await blocks.next() == ": keep-alive") }
        }
    }

    @Test func `a stream ends when its time is up`() async throws {
        var limits = StreamAPI.Limits()
        limits.keepAlive = .milliseconds(5)
        limits.lifetime = .milliseconds(20)
        // A machine with much to do needs longer for the end than a reader does.
        limits.lastWords = .seconds(60)
        try await RunningStream.run(limits) { live in
            var blocks = StreamBlocks(try await live.open())
            while try await blocks.next() != nil {}
        }
    }

    @Test func `the service stops although streams are open`() async throws {
        let (told, continuation) = AsyncThrowingStream.makeStream(of: String.self)
        var limits = StreamAPI.Limits()
        limits.lastWords = .seconds(60)
        try await RunningStream.run(limits) { live in
            let response = try await live.open()
            let (opened, isOpen) = AsyncStream.makeStream(of: Void.self)
            Task {
                var blocks = StreamBlocks(response)
                do {
                    while let block = try await blocks.next() {
                        continuation.yield(block)
                        if block.contains("event: snapshot") { isOpen.finish() }
                    }
                    continuation.finish()
                } catch {
                    isOpen.finish()
                    continuation.finish(throwing: error)
                }
            }
            for await _ in opened {}
        }
        // Stopped by now. The stream came to its end, it was not cut: nothing is thrown.
        var blocks: [String] = []
        for try await block in told { blocks.append(block) }
        #expect(blocks.count == 2 && blocks[0] == "retry: 2000")
    }

    @Test func `there are so many streams and no more`() async throws {
        var limits = StreamAPI.Limits()
        limits.maximumCount = 2
        try await RunningStream.run(limits) { live in
            let first = try await live.open()
            let second = try await live.open()
            #expect(first.status == .ok && second.status == .ok)
            let refused = try await live.open()
            #expect(refused.status == .serviceUnavailable)
            #expect(refused.headers.first(name: "retry-after") == "10")
            let body = String(buffer: try await refused.body.collect(upTo: 4096))
            #expect(body.hasPrefix("{\"error\":{\"code\":\"too_many_streams\","))
            withExtendedLifetime((first, second)) {}
        }
    }

    @Test func `who leaves makes room, however long nothing is said`() async throws {
        var limits = StreamAPI.Limits()
        limits.maximumCount = 1
        limits.keepAlive = .seconds(36_000)
        limits.lifetime = .seconds(36_000)
        try await RunningStream.run(limits) { live in
            let request =
                "GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(RunningStream.viewer)\r\n\r\n"
            for _ in 0..<5 {
                var status: Int?
                // The service sees in its own time that the one before has gone.
                repeat {
                    status = try await RawClient.connect(live.port) { client in
                        try await client.send(request)
                        return await client.answers(1).first?.status
                    }
                } while status == 503
                #expect(status == 200)
            }
        }
    }

    @Test func `a stream that is sent a body is refused and keeps no place`() async throws {
        var limits = StreamAPI.Limits()
        limits.maximumCount = 1
        try await RunningStream.run(limits) { live in
            let head =
                "GET /api/v1/stream HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer \(RunningStream.viewer)\r\n"
            for body in [
                "transfer-encoding: chunked\r\n\r\n" + String(repeating: "1\r\nx\r\n", count: 6) + "0\r\n\r\n",
                "content-length: 1\r\n\r\nx",
            ] {
                let status = try await RawClient.connect(live.port) { client in
                    try await client.send(head + body)
                    return await client.answers(1).first?.status
                }
                #expect(status == 400)
            }
            #expect(try await live.open().status == .ok)
        }
    }

    @Test func `nobody is told anything without a token, and a viewer is`() async throws {
        try await RunningStream.run { live in
            let nobody = try await live.open([("accept", "text/html")])
            #expect(nobody.status == .unauthorized)
            #expect(try await live.open([("authorization", "Bearer wrong")]).status == .unauthorized)
            #expect(try await live.open().status == .ok)
        }
    }
}
