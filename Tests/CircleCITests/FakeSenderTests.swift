import AsyncHTTPClient
import CircleCI
import Synchronization
import Testing
import Wire

@testable import FakeCircleCI

struct FakeSenderTests {
    /// Answers as the receiver does: a sequence for a body that is new, `duplicate` for one that it has.
    final class Log: Sendable {
        private let sequences = Mutex<[[UInt8]: Int]>([:])

        var count: Int { sequences.withLock { $0.count } }
        func sequence(of body: [UInt8]) -> Int? { sequences.withLock { $0[body] } }

        func take(_ body: [UInt8]) -> FakeHTTPServer.Reply {
            sequences.withLock { sequences in
                if sequences[body] != nil { return .answer(200, #"{"status":"duplicate"}"#) }
                sequences[body] = sequences.count + 1
                return .answer(200, #"{"status":"accepted","sequence":\#(sequences.count)}"#)
            }
        }
    }

    static func history(seed: UInt64 = 41) throws -> FakeHistory {
        var options = FakeHistoryOptions(seed: seed, firstDay: try #require(Day("2026-11-02")))
        options.dayCount = 1
        options.pipelinesPerDay = 12
        return FakeHistory(options: options)
    }

    static func options(_ change: (inout WebhookSender.Options) -> Void = { _ in }) -> WebhookSender.Options {
        var options = WebhookSender.Options()
        options.retries.firstDelay = .milliseconds(1)
        change(&options)
        return options
    }

    /// Sends a history to a server that answers by `script`.
    static func send(
        _ history: FakeHistory,
        _ options: WebhookSender.Options,
        script: @escaping @Sendable (FakeHTTPServer.Request) -> FakeHTTPServer.Reply
    ) async throws -> (report: SendReport, acknowledged: [Acknowledgement], requests: [FakeHTTPServer.Request]) {
        try await FakeHTTPServer.run(script) { server in
            let client = HTTPClient(
                configuration: WebhookPoster.clientConfiguration(concurrency: options.concurrency)
            )
            let sender = WebhookSender(
                poster: WebhookPoster(client: client),
                targets: [.init(url: server.url, signing: .unsigned)],
                options: options
            )
            let acknowledged = Mutex<[Acknowledgement]>([])
            let report = await sender.send(history.deliveries) { acknowledgement in
                acknowledged.withLock { $0.append(acknowledgement) }
            }
            try await client.shutdown()
            return (report, acknowledged.withLock { $0 }, server.requests)
        }
    }

    @Test("Without faults every delivery arrives once, and one sender keeps their order")
    func noFaults() async throws {
        let history = try Self.history()
        let log = Log()
        let bodies = history.deliveries.map(\.body)
        let (report, acknowledged, requests) = try await Self.send(history, Self.options { $0.concurrency = 1 }) {
            log.take($0.body)
        }
        #expect(requests.map(\.body) == bodies)
        #expect(requests.map(\.eventType) == history.deliveries.map(\.eventType))
        #expect(acknowledged.map(\.index) == Array(bodies.indices))
        #expect(acknowledged.map(\.answer) == bodies.indices.map { .accepted(sequence: $0 + 1) })
        var expected = SendReport()
        expected.deliveryCount = bodies.count
        expected.tryCount = bodies.count
        expected.acknowledgedCount = bodies.count
        expected.acceptedAnswerCount = bodies.count
        expected.answerCounts = [200: bodies.count]
        #expect(report == expected)
    }

    @Test("Many senders at once deliver each once, and each is acknowledged with its own sequence")
    func concurrency() async throws {
        let history = try Self.history()
        let log = Log()
        let (report, acknowledged, _) = try await Self.send(history, Self.options { $0.concurrency = 16 }) {
            log.take($0.body)
        }
        #expect(report.acceptedAnswerCount == report.deliveryCount)
        #expect(log.count == report.deliveryCount)
        for acknowledgement in acknowledged {
            let sequence = try #require(log.sequence(of: acknowledgement.delivery.body))
            #expect(acknowledgement.answer == .accepted(sequence: sequence))
        }
    }

    @Test("Dropped deliveries never arrive, duplicates arrive again, and the counts add up", arguments: [1, 2, 3])
    func faults(seed: UInt64) async throws {
        let history = try Self.history()
        let log = Log()
        let options = Self.options {
            $0.faults.seed = seed
            $0.faults.dropRate = 0.1
            $0.faults.duplicateRate = 0.3
            $0.faults.reorderWindow = 10
        }
        let (report, acknowledged, requests) = try await Self.send(history, options) { log.take($0.body) }
        #expect(report.droppedCount > 0 && report.duplicateCount > 0, "seed \(seed)")
        #expect(log.count == report.deliveryCount - report.droppedCount)
        #expect(requests.count == report.deliveryCount - report.droppedCount + report.duplicateCount)
        #expect(report.tryCount == requests.count)
        #expect(report.duplicateAnswerCount == report.duplicateCount)
        #expect(report.acceptedAnswerCount == log.count)
        #expect(acknowledged.count == report.acknowledgedCount)
        #expect(acknowledged.filter { $0.copy > 0 }.count == report.duplicateCount)
    }

    @Test("What is refused, unanswered or cut off is tried again until it is taken")
    func retries() async throws {
        let history = try Self.history()
        let log = Log()
        let tries = Mutex<[[UInt8]: Int]>([:])
        let options = Self.options { $0.timeout = .seconds(1) }
        let (report, acknowledged, requests) = try await Self.send(history, options) { request in
            let number = tries.withLock { tries in
                tries[request.body, default: 0] += 1
                return tries[request.body, default: 0]
            }
            if request.number == 0 { return .silence }
            // Bodies fall into three groups, of which two fail at first.
            switch (request.body.count % 3, number) {
            case (1, 1...2): return .answer(503, #"{"error":{"code":"log_unavailable"}}"#)
            case (2, 1): return .close
            default: return log.take(request.body)
            }
        }
        #expect(report.acknowledgedCount == report.deliveryCount)
        #expect(report.givenUpCount == 0)
        #expect(log.count == report.deliveryCount)
        // A try can time out before it reaches the server, on a busy machine.
        #expect(report.tryCount >= requests.count)
        #expect((report.answerCounts[503] ?? 0) > 0)
        #expect((report.failureCounts[.unreachable] ?? 0) > 0)
        #expect((report.failureCounts[.timedOut] ?? 0) > 0)
        for acknowledgement in acknowledged {
            #expect(acknowledgement.tryCount >= tries.withLock { $0[acknowledgement.delivery.body] ?? .max })
        }
    }

    @Test("A delivery that was taken but not answered comes again and is a duplicate")
    func lostAnswer() async throws {
        let log = Log()
        let (report, acknowledged, _) = try await Self.send(try Self.history(), Self.options()) { request in
            let reply = log.take(request.body)
            return request.number == 0 ? .close : reply
        }
        #expect(report.duplicateAnswerCount == 1)
        #expect(acknowledged.filter { $0.tryCount == 2 && $0.answer == .duplicate }.count == 1)
        #expect(log.count == report.deliveryCount)
    }

    @Test("After the last try a delivery is given up and the next one is sent")
    func givenUp() async throws {
        let options = Self.options { $0.retries.maximumTryCount = 3 }
        let (report, acknowledged, requests) = try await Self.send(try Self.history(), options) { _ in
            .answer(401, #"{"error":{"code":"signature_mismatch"}}"#)
        }
        #expect(acknowledged.isEmpty)
        #expect(report.givenUpCount == report.deliveryCount)
        #expect(requests.count == 3 * report.deliveryCount)
        #expect(report.answerCounts == [401: requests.count])
    }

    @Test("Where nobody listens, every try is counted")
    func refusedConnections() async throws {
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration())
        let sender = WebhookSender(
            poster: WebhookPoster(client: client),
            targets: [.init(url: "http://127.0.0.1:1", signing: .unsigned)],
            options: Self.options { $0.retries.maximumTryCount = 2 }
        )
        let report = await sender.send(try Self.history().deliveries)
        try await client.shutdown()
        #expect(report.givenUpCount == report.deliveryCount)
        #expect(report.failureCounts == [.unreachable: 2 * report.deliveryCount])
    }

    @Test("Cancelled, a sender stops and says so")
    func cancellation() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let history = try Self.history()
        try await FakeHTTPServer.run { request in
            guard request.number < 3 else {
                arrival.yield()
                return .silence
            }
            return .answer(200, "")
        } _: { server in
            let client = HTTPClient(configuration: WebhookPoster.clientConfiguration())
            let sender = WebhookSender(
                poster: WebhookPoster(client: client),
                targets: [.init(url: server.url, signing: .unsigned)],
                options: Self.options { $0.concurrency = 2 }
            )
            let sending = Task { await sender.send(history.deliveries) }
            _ = await arrivals.first { _ in true }
            sending.cancel()
            let report = await sending.value
            try await client.shutdown()
            #expect(report.isCancelled)
            #expect(report.acknowledgedCount <= 3)
        }
    }
}
