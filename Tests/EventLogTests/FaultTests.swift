import EventLog
import FakeCircleCI
import Glibc
import Synchronization
import Testing
import Wire

/// Faults at every call: what was acknowledged is there, in order, nothing is invented, and no number has two contents.
struct FaultTests {
    /// What callers were told.
    final class Acknowledged: Sendable {
        private let bodies = Mutex<[Int: String]>([:])

        func note(_ sequence: Int, _ body: String) {
            bodies.withLock { bodies in
                #expect(bodies[sequence] == nil || bodies[sequence] == body, "record \(sequence) was promised twice")
                bodies[sequence] = body
            }
        }

        var all: [Int: String] { bodies.withLock { $0 } }
    }

    private static var options: EventLog.Options {
        var options = EventLog.Options()
        options.maximumSegmentBytes = 1_200
        options.takeoverRetryInterval = .zero
        return options
    }

    private static let bodies = (1...24).map { #"{"n":\#($0),"text":"\#(String(repeating: "x", count: $0 * 7))"}"# }

    /// Appends every body, in waves of callers at the same time; a body that fails is not tried again.
    private func work(_ log: EventLog, _ acknowledged: Acknowledged) async {
        for wave in 0..<8 {
            await withTaskGroup(of: Void.self) { group in
                for body in FaultTests.bodies[(wave * 3)..<(wave * 3 + 1 + wave % 3)] {
                    group.addTask {
                        do throws(LogError) {
                            switch try await log.append(LogFixture.entry(body)) {
                            case .accepted(let sequence), .duplicate(let sequence):
                                acknowledged.note(sequence, body)
                            }
                        } catch {
                            #expect(error.code == .unavailable)
                        }
                    }
                }
            }
        }
    }

    private func expectKept(_ acknowledged: Acknowledged, _ reading: Reading, _ what: String) {
        let found = Dictionary(reading.records.map { ($0.sequence, $0.body) }) { first, _ in first }
        for (sequence, body) in acknowledged.all {
            #expect(found[sequence] == body, "\(what): record \(sequence) was acknowledged and is gone")
        }
        #expect(reading.sequences == Array(1..<(reading.sequences.count + 1)), "\(what): numbers")
        #expect(Set(reading.bodies).isSubset(of: FaultTests.bodies), "\(what): invented")
        #expect(reading.damages.isEmpty, "\(what): \(reading.damages)")
    }

    /// Runs the workload with a fault, and then looks at the log as every possible successor would find it.
    private func run(_ fault: FaultyFileSystem.Fault, seed: UInt64) async throws -> Bool {
        let fixture = LogFixture()
        let faulty = FaultyFileSystem(fault)
        let acknowledged = Acknowledged()
        let what = "\(fault), seed \(seed)"
        var generator = SeededGenerator(seed: seed)
        do throws(LogError) {
            let log = try fixture.open(FaultTests.options, fileSystem: faulty)
            await work(log, acknowledged)
            let end = log.durableEnd
            await log.close()
            // A reader up to the durable end sees exactly what counts, whatever stands behind it.
            let reading = try reading(fixture.directory, through: end)
            expectKept(acknowledged, reading, "\(what), durable end")
            #expect(reading.records.count == acknowledged.all.count, "\(what)")
            #expect(Set(reading.bodies).count == reading.bodies.count, "\(what): an event stands twice")
        } catch {
            #expect(error.code == .unusable, "\(what)")
            #expect(acknowledged.all.isEmpty)
        }
        try await expectPowerLoss(faulty, fixture, acknowledged, "\(what), power lost", &generator)
        let struck = faulty.hasStruck
        faulty.set(nil)

        // The process ends, another one goes on, on the same kernel: its page cache shows what never reached the disk.
        let log = try fixture.open(FaultTests.options, fileSystem: faulty)
        #expect(log.recovery.damages.isEmpty, "\(what)")
        await work(log, acknowledged)
        await log.close()
        let reading = try fixture.read()
        expectKept(acknowledged, reading, "\(what), after a restart")
        try await expectPowerLoss(faulty, fixture, acknowledged, "\(what), power lost after a restart", &generator)
        return struck
    }

    private func reading(_ directory: String, through end: LogPosition) throws(LogError) -> Reading {
        do { return try Reading(directory: directory, through: end) } catch let error as LogError { throw error } catch
        {
            fatalError("\(error)")
        }
    }

    private func expectPowerLoss(
        _ faulty: FaultyFileSystem,
        _ fixture: LogFixture,
        _ acknowledged: Acknowledged,
        _ what: String,
        _ generator: inout SeededGenerator
    ) async throws {
        for _ in 0..<3 {
            let left = LogFixture()
            faulty.disk.afterPowerLoss(of: fixture.directory, into: left.directory, using: &generator)
            let log = try left.open(FaultTests.options, fileSystem: UnsyncedFileSystem())
            let outcome = try await log.append(LogFixture.entry(FaultTests.bodies[23]))
            if case .accepted(let sequence) = outcome { #expect(acknowledged.all[sequence] == nil, "\(what)") }
            await log.close()
            let reading = try left.read()
            let found = Dictionary(reading.records.map { ($0.sequence, $0.body) }) { first, _ in first }
            for (sequence, body) in acknowledged.all {
                #expect(found[sequence] == body, "\(what): record \(sequence) was acknowledged and is gone")
            }
            #expect(Set(reading.bodies).isSubset(of: FaultTests.bodies), "\(what): invented")
        }
    }

    @Test(arguments: FaultyFileSystem.Kind.allCases, [false, true])
    func aFaultAtEveryCall(of kind: FaultyFileSystem.Kind, sticky: Bool) async throws {
        let effects: [FaultyFileSystem.Effect] =
            switch kind {
            case .write: [.error(ENOSPC), .error(EINTR), .short(7), .partial(100, EIO), .error(EIO)]
            case .create: [.error(ENOSPC)]
            default: [.error(EIO)]
            }
        for effect in effects {
            // EINTR for ever is no kernel's behaviour.
            if sticky, case .error(EINTR) = effect { continue }
            var index = 0
            while index < 80 {
                let fault = FaultyFileSystem.Fault(kind: kind, index: index, isSticky: sticky, effect: effect)
                guard try await run(fault, seed: UInt64(index)) else { break }
                index += 1
            }
            #expect(index > 0 || kind == .truncate || kind == .remove)
        }
    }

    @Test func theKernelEndsTheProcessAtEveryCall() async throws {
        var index = 0
        while true {
            let fault = FaultyFileSystem.Fault(kind: nil, index: index, isSticky: true, effect: .error(EIO))
            guard try await run(fault, seed: UInt64(index) + 1_000) else { break }
            index += 1
        }
        #expect(index > 20)
    }
}
