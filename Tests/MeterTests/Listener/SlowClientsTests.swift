import FakeCircleCI
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import FakeCircleCI
@testable import Meter

@Suite("Slow clients of the public listener", .serialized)
struct SlowClientsTests {
    /// Connections that say a byte now and then and never come to an end, each sent anew when it is ended. Blocking
    /// calls, on one thread.
    private final class Drippers: Sendable {
        private struct Dripper {
            var descriptor: Int32
            var text: [UInt8]
            var sent = 0
        }

        private let isStopped = Atomic(false)
        let pushedOutCount = Atomic(0)
        let openCount = Atomic(0)

        func stop() { isStopped.store(true, ordering: .relaxed) }

        /// - Parameter ready: Called when all have said their first byte.
        func run(_ seeds: [UInt64], port: Int, deliveries: String, ready: @escaping @Sendable () -> Void) throws {
            var drippers: [Dripper] = []
            defer { for dripper in drippers { close(dripper.descriptor) } }
            for seed in seeds { drippers.append(try start(seed, port, deliveries)) }
            openCount.store(drippers.count, ordering: .relaxed)
            var round = 0
            while !isStopped.load(ordering: .relaxed) {
                for index in drippers.indices {
                    let dripper = drippers[index]
                    let byte = dripper.sent < dripper.text.count ? dripper.text[dripper.sent] : UInt8(ascii: "x")
                    let count = withUnsafeBytes(of: byte) {
                        send(dripper.descriptor, $0.baseAddress, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                    }
                    if count == 1 {
                        drippers[index].sent += 1
                    } else if errno != EAGAIN {
                        close(dripper.descriptor)
                        pushedOutCount.add(1, ordering: .relaxed)
                        drippers[index] = try start(seeds[index] &+ UInt64(round), port, deliveries)
                    }
                }
                round += 1
                if round == 1 { ready() }
                usleep(2000)
            }
        }

        private func start(_ seed: UInt64, _ port: Int, _ deliveries: String) throws -> Dripper {
            var generator = SeededGenerator(seed: seed)
            let text = generator.element(of: [
                "", "POST /webhooks/circleci/acme HTTP/1.1\r\nhost: ", "GET /healthz HTTP/1.1\r\na: b\r\nb: ",
                deliveries + "content-length: 1000000\r\n\r\n",
                deliveries + "transfer-encoding: chunked\r\n\r\nfffff\r\n",
                deliveries + "transfer-encoding: chunked\r\n\r\n1;", "\u{16}\u{3}\u{1}",
            ])
            return Dripper(
                descriptor: try RawSocket.connected(port),
                text: Array(text.utf8),
                sent: 0
            )
        }
    }

    @Test(.timeLimit(.minutes(10)))
    func `while clients drip, every real webhook is taken, and memory stays bounded`() async throws {
        let campaign = Campaign("slow-clients", unit: "connections", short: 200)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        // Each has two ends in this process.
        let maximumCount = Int(min(limit.rlim_cur, 1 << 20)) / 2 - 1000
        var seeds: [UInt64] = []
        while seeds.count < maximumCount, let seed = campaign.nextSeed() { seeds.append(seed) }
        var limits = ReceiverLimits()
        // Fewer places than drippers.
        limits.maximumConnections = min(limits.maximumConnections, seeds.count / 2)
        let (count, places) = (seeds.count, limits.maximumConnections)
        try await RunningReceiver.run(limits) { [seeds] receiver in
            let drippers = Drippers()
            let (ready, continuation) = AsyncStream<Void>.makeStream()
            // A known connection and a signature: the body is waited for.
            let start = "POST /webhooks/circleci/acme HTTP/1.1\r\ncircleci-signature: v1=0\r\n"
            let before = residentBytes()
            async let dripping: Void = onOwnThread("drippers") {
                defer { continuation.finish() }
                try drippers.run(seeds, port: receiver.port, deliveries: start) { continuation.yield() }
            }
            for await _ in ready { break }
            let webhookCount = max(100, count / 4)
            for id in 0..<webhookCount {
                let body = #"{"id":"\#(id)"}"#
                let answers = try await RawClient.answers(receiver.port, to: receiver.rawDelivery(body))
                #expect(answers.map(\.status) == [200])
            }
            let after = residentBytes()
            drippers.stop()
            try await dripping
            #expect(receiver.log.entries.count == webhookCount)
            #expect(drippers.openCount.load(ordering: .relaxed) == count)
            // Some 100 KiB for each connection that is served, and for both ends of each in the kernel's and this
            // process's books.
            #expect(after - before < (64 << 20) + (places * 2 + count) * (128 << 10))
            campaign.count("webhooks in between", webhookCount)
            campaign.count("pushed out", drippers.pushedOutCount.load(ordering: .relaxed))
            campaign.count("MiB more", max(0, after - before) >> 20)
        }
        campaign.finish()
    }

    private func residentBytes() -> Int {
        let text = (try? PrivateFile.read("/proc/self/statm", maximumBytes: 4096, mustBePrivate: false)) ?? []
        let resident =
            String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return resident * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
