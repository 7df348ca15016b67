import EventLog
import FakeCircleCI
import Glibc
import TestSupport
import Testing

/// Faults at every call of what a service does with its log: what was acknowledged is there, in order, nothing is invented,
/// no number has two contents, and a loss of power changes none of it.
struct FaultTests {
    /// What the kernel may do with a call.
    private static func effects(
        of kind: FaultyFileSystem.Kind,
        sticky: Bool
    ) -> [FaultyFileSystem.Effect] {
        let effects: [FaultyFileSystem.Effect] =
            switch kind {
            case .write: [.error(EIO), .error(ENOSPC), .short(7), .partial(100, EIO), .partial(40, ENOSPC)]
            case .synchronizeData, .synchronize: [.error(EIO), .error(ENOSPC)]
            case .read: [.error(EIO), .short(7)]
            case .create: [.error(ENOSPC), .error(EMFILE)]
            case .open: [.error(EMFILE), .error(EIO)]
            case .rename: [.error(EIO), .error(ENOSPC)]
            case .lock: [.error(ENOLCK)]
            case .makeDirectory: [.error(ENOSPC)]
            case .truncate, .remove, .size, .names: [.error(EIO)]
            }
        // Interrupted for ever is no kernel's behaviour.
        let isInterruptible = !sticky && [.write, .read, .synchronizeData, .synchronize, .truncate].contains(kind)
        return isInterruptible ? effects + [.error(EINTR)] : effects
    }

    /// Runs a workload with a fault, and then looks at the log as every possible successor would find it.
    private func strike(
        _ prepared: Workload.Prepared,
        _ fault: FaultyFileSystem.Fault,
        seed: UInt64,
        _ campaign: Campaign
    ) async throws {
        let workload = prepared.workload
        let run = LogRun(prepared, seed: seed)
        let fileSystem = run.fileSystem
        let what = "seed \(seed), \(workload.name), \(fault)"
        fileSystem.set(fault)
        do {
            try await workload.work(run)
        } catch let error as LogError {
            #expect(error.code == .unusable, "\(what): \(error)")
        }
        #expect(fileSystem.hasStruck, "\(what): was not reached")
        fileSystem.set(nil)
        if workload.isReadable, Files.names(run.fixture.temporary.path) == ["log"] {
            let reading = try run.fixture.read()
            run.expectKept(reading, "\(what), before a restart", of: run.ledger, allOfIt: false)
        }
        try await losePower(run, "\(what), power lost", eachOnce: true)

        // Another process goes on, on the same kernel: its page cache shows what never reached the disk.
        let log = try run.open()
        for number in [1, 2, 90, 91] { #expect(await run.append(log, run.body(number)), "\(what)") }
        await log.close()
        // The window of duplicates does not reach back to the first of them in every workload.
        let reading = try run.fixture.read()
        run.expectKept(reading, "\(what), after a restart", of: run.ledger, allOfIt: false, eachOnce: false)
        try await losePower(run, "\(what), power lost after a restart", eachOnce: false)
        campaign.count("faults")
    }

    /// What is certain alone, and any part of the rest.
    private func losePower(_ run: LogRun, _ what: String, eachOnce: Bool) async throws {
        let disk = run.fileSystem.disk
        var generator = SeededGenerator(seed: run.seed)
        let certain = disk.left(of: run.fixture.directory) { _ in false }
        try await run.expectRecovered(certain, what, of: run.ledger, eachOnce: eachOnce)
        guard disk.uncertainCount(in: run.fixture.directory) > 0 else { return }
        let part = disk.left(of: run.fixture.directory) { _ in Bool.random(using: &generator) }
        try await run.expectRecovered(part, "\(what) in part", of: run.ledger, eachOnce: eachOnce)
    }

    /// The calls that a workload makes where nothing fails.
    private func calls(_ prepared: Workload.Prepared, seed: UInt64) async throws -> [FaultyFileSystem.Kind] {
        let run = LogRun(prepared, seed: seed)
        try await prepared.workload.work(run)
        let reading = try run.fixture.read()
        run.expectKept(reading, "seed \(seed), \(prepared.workload.name), without a fault", of: run.ledger)
        return run.fileSystem.calls
    }

    @Test func `a fault at every call of every workload, once and from then on, loses nothing`() async throws {
        let campaign = Campaign("log-faults", unit: "seeds", short: 1)
        while let seed = campaign.nextSeed() {
            for workload in Workload.all {
                let prepared = try await workload.prepared(seed: seed)
                let calls = try await calls(prepared, seed: seed)
                #expect(calls.count > 5)
                for (index, kind) in calls.enumerated() {
                    for isSticky in [false, true] {
                        // Each round has another of them at each call.
                        let effects = FaultTests.effects(of: kind, sticky: isSticky)
                        let effect = effects[Int((seed &+ UInt64(index)) % UInt64(effects.count))]
                        let fault = FaultyFileSystem.Fault(
                            kind: nil,
                            index: index,
                            isSticky: isSticky,
                            effect: effect
                        )
                        try await strike(prepared, fault, seed: seed, campaign)
                    }
                }
                campaign.count("calls", calls.count)
            }
        }
        campaign.finish()
    }
}
