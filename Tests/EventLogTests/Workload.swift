import Glibc
import Testing
import Wire

@testable import EventLog

/// What a service does with its log, from one start to the next.
struct Workload: Sendable {
    /// What the log is before, as bytes.
    struct Prepared: Sendable {
        let workload: Workload
        /// Nil: nothing is there.
        var contents: DirectoryState?
        var ledger = LogRun.Ledger()
    }

    let name: String
    var segmentBytes = 64 << 20
    var batchBytes = 4 << 20
    /// Of the text in a body, at most.
    var bodyBytes = 150
    /// Whether the log can be read between a process that died and the next.
    var isReadable = true
    /// Makes the log that there is before; nil: none.
    var prepare: (@Sendable (LogRun) async throws -> Void)?
    let work: @Sendable (LogRun) async throws -> Void

    func prepared(seed: UInt64) async throws -> Prepared {
        var prepared = Prepared(workload: self)
        guard let prepare else { return prepared }
        let run = LogRun(prepared, seed: seed)
        try await prepare(run)
        prepared.contents = DirectoryState(run.fixture.directory)
        prepared.ledger = run.ledger
        prepared.ledger.order = []
        return prepared
    }

    static let all = [
        Workload(name: "first start") { run in
            let log = try run.open()
            await run.append(log, 1...1)
            await log.close()
        },
        Workload(name: "single appends") { run in
            let log = try run.open()
            await run.append(log, 1...5)
            await log.close()
        },
        Workload(name: "waves of appends", segmentBytes: 1_500) { run in
            let log = try run.open()
            for wave in 0..<4 { await run.wave(log, (0...(wave % 3)).map { run.body(wave * 3 + $0) }) }
            await log.close()
        },
        Workload(name: "a segment for each batch", segmentBytes: 1) { run in
            let log = try run.open()
            await run.append(log, 1...4)
            await log.close()
        },
        Workload(name: "duplicates in flight") { run in
            let log = try run.open()
            let (first, second) = (run.body(1), run.body(2))
            await run.wave(log, [first, first, second, first])
            for body in [second, first, run.body(3)] { await run.append(log, body) }
            await log.close()
        },
        Workload(name: "takeover after an error") { run in
            let log = try run.open()
            await run.append(log, 1...2)
            run.fileSystem.failNext(.synchronizeData, .error(EIO))
            await run.append(log, 3...5)
            run.fileSystem.failNext(.write, .partial(40, ENOSPC))
            await run.wave(log, [run.body(6), run.body(7)])
            await run.append(log, 6...8)
            await log.close()
        },
        Workload(
            name: "recovery of a torn tail",
            prepare: { run in
                try await run.log(records: 3)
                try run.tear(3)
            }
        ) { run in
            let log = try run.open()
            await run.append(log, 3...4)
            await log.close()
        },
        Workload(
            name: "recovery with a damaged middle",
            segmentBytes: 600,
            prepare: { run in
                try await run.log(records: 9)
                try run.destroy([2, 8])
            }
        ) { run in
            let log = try run.open()
            await run.append(log, 10...11)
            await log.close()
        },
        Workload(
            name: "recovery with a damaged end",
            prepare: { run in
                try await run.log(records: 4)
                try run.destroy([3, 4], withTrailer: true)
            }
        ) { run in
            let log = try run.open()
            await run.append(log, 5...6)
            await log.close()
        },
        Workload(
            name: "void bytes behind a durable end",
            prepare: { run in
                let log = try run.open()
                await run.append(log, 1...2)
                run.fileSystem.failNext(.synchronizeData, .error(EIO))
                await run.append(log, 3...5)
                await log.close()
            }
        ) { run in
            let log = try run.open()
            await run.append(log, 3...6)
            await log.close()
        },
        Workload(name: "reopening again and again", segmentBytes: 500) { run in
            for number in 1...4 {
                let log = try run.open()
                await run.append(log, number...number)
                await log.close()
            }
        },
        Workload(name: "close with a queue", batchBytes: 400) { run in
            let log = try run.open()
            await run.wave(log, (1...5).map(run.body), closing: true)
        },
        Workload(name: "large records", segmentBytes: 20_000, batchBytes: 10_000, bodyBytes: 9_000) { run in
            let log = try run.open()
            await run.wave(log, (1...3).map(run.body))
            await run.append(log, 4...5)
            await log.close()
        },
        Workload(
            name: "erasing",
            isReadable: false,
            prepare: { run in
                try await run.log(records: 0, erasable: 3)
            }
        ) { run in
            try await run.erase()
        },
        Workload(
            name: "compressing",
            segmentBytes: 700,
            prepare: { run in
                try await run.log(records: 7)
            }
        ) { run in
            let log = try run.open()
            try run.compress(log)
            await run.append(log, 8...11)
            try run.compress(log)
            try run.readBothWays(through: log.durableEnd)
            await log.close()
        },
        Workload(
            name: "expanding",
            segmentBytes: 700,
            prepare: { run in
                try await run.log(records: 6)
                let log = try run.open()
                try run.compress(log)
                await log.close()
            }
        ) { run in
            try run.expand()
        },
        Workload(
            name: "erasing from a compressed log",
            segmentBytes: 500,
            isReadable: false,
            prepare: { run in
                try await run.log(records: 1, erasable: 3)
                let log = try run.open()
                try run.compress(log)
                await log.close()
            }
        ) { run in
            try await run.erase()
        },
        Workload(name: "reading while writing", segmentBytes: 700) { run in
            let log = try run.open()
            for number in 1...5 {
                await run.append(log, number...number)
                try run.readBothWays(through: log.durableEnd)
            }
            await log.close()
        },
        Workload(
            name: "verifying",
            segmentBytes: 600,
            prepare: { run in
                try await run.log(records: 6)
                try run.destroy([3])
            }
        ) { run in
            try run.verify()
        },
    ]
}
