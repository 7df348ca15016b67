import Glibc
import Synchronization
import TestSupport
import Testing
import Wire

@testable import FakeCircleCI
@testable import Meter

/// Laws of the ring of refused deliveries, against a model that knows nothing of files.
struct RefusedDeliveriesTests {
    private static let start = Timestamp("2026-11-22T08:00:00.000Z")!

    private final class Outcomes: Sendable {
        private let all = Mutex<[RefusedDeliveries.Outcome]>([])

        var last: RefusedDeliveries.Outcome? { all.withLock { $0.last } }

        func add(_ outcome: RefusedDeliveries.Outcome) { all.withLock { $0.append(outcome) } }

        func count(_ outcome: RefusedDeliveries.Outcome) -> Int { all.withLock { $0.count { $0 == outcome } } }
    }

    private let directory = TemporaryDirectory()
    private let outcomes = Outcomes()

    private func ring(
        at now: Timestamp = start,
        _ change: (inout RefusedDeliveries.Limits) -> Void = { _ in }
    ) throws -> RefusedDeliveries {
        try PrivateFile.makeDirectory(directory.path("quarantine"))
        var limits = RefusedDeliveries.Limits()
        limits.reservedDiskBytes = 0
        change(&limits)
        return try RefusedDeliveries.open(
            dataDirectory: directory.path,
            limits: limits,
            now: now,
            onOutcome: { [outcomes] in outcomes.add($0) }
        )
    }

    private func delivery(
        _ id: Int,
        _ connection: String = "acme",
        padding: Int = 0,
        at seconds: Int = 0
    ) -> Quarantine.Delivery {
        let body = #"{"id":"\#(id)","type":"ping","x":"\#(String(repeating: "x", count: padding))"}"#
        return Quarantine.Delivery(
            receivedAt: Timestamp(microseconds: Self.start.microseconds + Int64(seconds) * 1_000_000),
            connection: connection,
            reason: "signature_mismatch",
            signature: "v1=00",
            body: Array(body.utf8)
        )
    }

    private func files() throws -> Set<String> {
        let root = directory.path("quarantine/refused")
        var all: Set<String> = []
        for connection in try Quarantine.entries(of: root) {
            for file in try Quarantine.entries(of: "\(root)/\(connection)") { all.insert("\(connection)/\(file)") }
        }
        return all
    }

    @Test(arguments: UInt64(0)..<6)
    func `under any load the ring keeps what fits, and the largest gives its oldest`(_ round: UInt64) async throws {
        struct Item: Equatable {
            var id: Int
            var blocks: Int
        }
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let maximumBlocks = generator.integer(in: 4...40)
        let ring = try ring { $0.maximumBytes = maximumBlocks * 4096 }
        var model: [String: [Item]] = [:]
        func blocks(_ name: String) -> Int { (model[name] ?? []).reduce(0) { $0 + $1.blocks } }
        for id in 0..<200 {
            let name = generator.element(of: ["a", "a", "a", "b", "b", "c"])
            let padding = generator.element(of: [0, 0, 0, 3500, 9000])
            let delivery = delivery(id, name, padding: padding, at: id)
            let size = (Quarantine.file(delivery).count + 4095) / 4096
            ring.offer(delivery)
            await ring.settle()
            while model.keys.reduce(0, { $0 + blocks($1) }) + size > maximumBlocks {
                let largest = model.keys.filter { blocks($0) > 0 }
                    .max { (blocks($0) + ($0 == name ? size : 0), $0) < (blocks($1) + ($1 == name ? size : 0), $1) }!
                model[largest]?.removeFirst()
            }
            model[name, default: []].append(Item(id: id, blocks: size))
            #expect(ring.bytes <= maximumBlocks * 4096, "seed \(seed)")
        }
        let names = await ring.names(now: Self.start)
        var kept: [String: [Int]] = [:]
        for name in names {
            let delivery = try #require(await ring.read(name))
            let text = String(decoding: delivery.body, as: UTF8.self)
            kept[name.connection, default: []].append(Int(text.dropFirst(7).prefix { $0 != "\"" }) ?? -1)
        }
        #expect(kept == model.filter { !$0.value.isEmpty }.mapValues { $0.map(\.id) }, "seed \(seed)")
        #expect(try files() == Set(names.map(\.description)), "seed \(seed)")
        // Over a restart it is the same.
        let again = try self.ring { $0.maximumBytes = maximumBlocks * 4096 }
        #expect(await again.names(now: Self.start) == names, "seed \(seed)")
        #expect(again.bytes == ring.bytes, "seed \(seed)")
        // And smaller limits are kept from the start on.
        #expect(try self.ring { $0.maximumBytes = 2 * 4096 }.bytes <= 2 * 4096, "seed \(seed)")
    }

    @Test func `who floods one connection pushes out nothing of another`() async throws {
        let ring = try ring { $0.maximumBytes = 20 * 4096 }
        for id in 0..<5 { ring.offer(delivery(id, "small")) }
        await ring.settle()
        for id in 5..<60 {
            ring.offer(delivery(id, "flooded"))
            await ring.settle()
        }
        #expect(await ring.names(of: "small", now: Self.start).count == 5)
        #expect(await ring.names(of: "flooded", now: Self.start).count == 15)
        #expect(try mode(of: directory.path("quarantine/refused/small")) == 0o700)
        let file = try #require(try files().first)
        #expect(try mode(of: directory.path("quarantine/refused/\(file)")) == 0o600)
    }

    @Test func `what is too old goes, whether something comes or is asked for, or at a start`() async throws {
        let ring = try ring { $0.maximumAge = .seconds(100) }
        for id in 0..<10 { ring.offer(delivery(id, at: id * 10)) }
        await ring.settle()
        #expect(ring.count == 10)
        ring.offer(delivery(10, "other", at: 125))
        await ring.settle()
        #expect(ring.count == 8)
        let later = Timestamp(microseconds: Self.start.microseconds + 145_500_000)
        #expect(await ring.names(now: later).count == 6)
        let again = try self.ring(at: Timestamp(microseconds: later.microseconds + 20_000_000)) {
            $0.maximumAge = .seconds(100)
        }
        #expect(again.count == 4)
        #expect(try files().count == 4)
    }

    @Test func `only what CircleCI could have sent is kept, and once`() async throws {
        let ring = try ring()
        ring.offer(delivery(1))
        ring.offer(delivery(1, at: 5))
        let bodies = [
            "", "x", "[]", "{}", #"{"id":"1"}"#, #"{"type":"ping"}"#, #"{"id":"1","type":7}"#, #"{"id":"1","type":""}"#,
        ]
        for body in bodies {
            var strange = delivery(2)
            strange.body = Array(body.utf8)
            ring.offer(strange)
        }
        var unsigned = delivery(3)
        unsigned.signature = "sha256=00"
        ring.offer(unsigned)
        await ring.settle()
        #expect(ring.count == 1)
        #expect(outcomes.count(.kept) == 1)
        #expect(outcomes.count(.repeated) == 1)
        #expect(outcomes.count(.implausible) == bodies.count + 1)
    }

    @Test func `a flood is dropped at once: by count, by bytes, and by what a connection may send`() async throws {
        let ring = try ring {
            $0.burst = 3
            $0.perSecond = 2
        }
        for id in 0..<10 { ring.offer(delivery(id)) }
        await ring.settle()
        #expect(ring.count == 3)
        ring.offer(delivery(10, "other"))
        for id in 11..<20 { ring.offer(delivery(id, at: 1)) }
        await ring.settle()
        #expect(ring.count == 6)
        #expect(outcomes.count(.busy) == 7 + 7)
        let narrow = try self.ring { $0.maximumWaitingBytes = 10 }
        narrow.offer(delivery(30))
        await narrow.settle()
        #expect(outcomes.last == .busy)
        let full = try self.ring { $0.reservedDiskBytes = .max }
        full.offer(delivery(31))
        await full.settle()
        #expect(outcomes.last == .busy)
        let off = try self.ring { $0.maximumBytes = 0 }
        off.offer(delivery(32))
        await off.settle()
        #expect(off.count == 0)
    }

    @Test func `what a crash left half made is no delivery`() async throws {
        let first = try ring()
        first.offer(delivery(1))
        await first.settle()
        let folder = directory.path("quarantine/refused/acme")
        let name = try #require(try Quarantine.entries(of: folder).first)
        try PrivateFile.replaceUnsynced("\(folder)/x.json.tmp-1", with: [1])
        try PrivateFile.replaceUnsynced("\(folder)/\(String(repeating: "0", count: 20))\(name.dropFirst(20))", with: [])
        let again = try ring()
        #expect(again.count == 1)
        #expect(try Quarantine.entries(of: folder) == [name])
        // Torn inside, it is unreadable, and is not mistaken for another.
        try PrivateFile.replaceUnsynced("\(folder)/\(name)", with: Array("{\"received_at\":".utf8))
        let torn = try ring()
        #expect(await torn.read(RefusedDeliveries.Name(connection: "acme", file: name)) == nil)
    }
}
