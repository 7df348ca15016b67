import EventLog
import Foundation
import Logging
import ServiceLifecycle
import Usage

#if SABOTAGE
    import Wire
#endif

/// Keeps the published snapshot up with the log: folds what is durable, publishes, and waits for more.
///
/// An actor on a thread of its own, because folding and SQLite block.
actor Projector: Service {
    private let executor = QueueExecutor(label: "circlemeter.projector")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let directory: DataDirectory
    private let log: EventLog
    private let people: PeopleSource
    private let logger: Logger
    nonisolated let published: PublishedSnapshot
    nonisolated let lag = ProjectionLag()
    private var projection: Projection?
    private nonisolated let isStopping = StopFlag()
    private var isRebuilding = false
    /// Whether the stored snapshot was looked at: before a stop that comes early it was not.
    private var hasLooked = false
    /// When every page of the snapshot was read last.
    private var checkedAt: ContinuousClock.Instant?
    /// While a rebuilt store takes the published one's place.
    private var isSwapping = false

    /// Advances are at least this far apart, so that one transaction takes in what came meanwhile.
    private let pause: Duration
    /// And twenty times as long as the last one took, up to five times the pause: under load, fewer and larger ones cost
    /// less in all.
    private var maximumPause: Duration { pause * 5 }
    private static let pauseAfterError = Duration.seconds(1)
    /// Between two looks at the people file, and at whether a reader met damage.
    private static let peoplePause = Duration.seconds(5)
    /// Between two times of reading every page of the snapshot.
    private static let checkPause = Duration.seconds(24 * 3600)

    init(
        directory: DataDirectory,
        log: EventLog,
        people: PeopleSource,
        pause: Duration = .milliseconds(100),
        logger: Logger
    ) {
        self.pause = pause
        self.directory = directory
        self.log = log
        self.people = people
        self.logger = logger
        published = PublishedSnapshot()
    }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watchPeople() }
            await withGracefulShutdownHandler {
                for await _ in log.advances().cancelOnGracefulShutdown() {
                    // One may come with the stop.
                    guard !isStopping.isRaised else { break }
                    let begin = ContinuousClock.now
                    await catchUp()
                    let pause = max(self.pause, (ContinuousClock.now - begin) * 20)
                    try? await Task.sleep(for: min(pause, maximumPause))
                }
            } onGracefulShutdown: { [isStopping] in
                isStopping.raise()
            }
            group.cancelAll()
        }
        #if SABOTAGE
            if Sabotage.plants("early-stop-publishes-nothing"), projection == nil { return }
        #endif
        // What the last deliveries changed; a snapshot that is still to be made waits for the next start.
        if projection != nil || !hasLooked { await catchUp() }
    }

    /// How persons are called may change while nothing comes onto the log.
    private func watchPeople() async {
        while (try? await Task.sleep(for: Projector.peoplePause)) != nil, !isStopping.isRaised {
            guard let fingerprint = projection?.personFingerprint, !isRebuilding else { continue }
            if published.isDamaged || fingerprint != people.current().fingerprint {
                await catchUp()
            } else {
                await checkPages()
            }
        }
    }

    /// Pages that nobody asks for may rot unseen: all are read after the start, and once a day.
    private func checkPages() async {
        let now = ContinuousClock.now
        guard checkedAt.map({ now - $0 > Projector.checkPause }) ?? true else { return }
        checkedAt = now
        // Damage is remembered by whoever meets it; the rest of what may go wrong is met again by the next reader.
        try? await published.read(or: ()) { try $0.check() }
    }

    /// Folds all that is durable. An error is logged and tried again: the log has everything, nothing is lost by it.
    private func catchUp() async {
        while !Task.isCancelled {
            lag.update(published: published.position?.sequence ?? 0, durable: log.durableEnd.sequence)
            do {
                // What is being made anew is caught up with by whoever makes it.
                guard !isSwapping, projection != nil || !isRebuilding else { return }
                // Persons are called otherwise than before, or a page has rotted: the store has to be made anew.
                if let fingerprint = projection?.personFingerprint, !isRebuilding,
                    published.isDamaged || fingerprint != people.current().fingerprint
                {
                    self.projection = nil
                }
                if projection == nil { try await open() }
                // What is written but not yet durable may still be lost, so it is not counted.
                let end = log.durableEnd.sequence
                #if SABOTAGE
                    if Sabotage.plants("undurable-records-counted") { try projection?.advance(to: nil) }
                #endif
                try projection?.advance(to: end)
                published.advanced(to: projection?.position)
                // What came meanwhile is not late yet: else under steady load the oldest would be late for ever.
                lag.update(published: projection?.position?.sequence ?? 0, durable: end)
                return
            } catch is CancellationError {
                return
            } catch {
                projection = nil
                // By itself: what a logger is given is reckoned only if it is told at all.
                let told = published.noticed(error)
                logger.error("the snapshot cannot be published", metadata: ["error": "\(told)"])
                // A stop does not wait for a disk to be mended: the next start takes up from here.
                guard !isStopping.isRaised else { return }
                do { try await Task.sleep(for: Projector.pauseAfterError) } catch { return }
            }
        }
    }

    /// Takes up the stored snapshot, or makes one from the log where there is none that fits.
    private func open() async throws {
        hasLooked = true
        guard !published.isDamaged else {
            logger.critical(
                "the snapshot is damaged and is made anew from the log",
                metadata: ["path": "\(directory.usage)"]
            )
            return try await makeAnew(progress: { _ in })
        }
        let path = directory.usage
        do {
            try await published.replace { try UsageStore(path: path, purpose: .service) }
        } catch  where SnapshotDamage.isDamage(error) {
            logger.critical("the snapshot is damaged and is made anew from the log", metadata: ["error": "\(error)"])
            return try await makeAnew(progress: { _ in })
        }
        let store = try await published.read(or: UsageStore?.none) { $0 }
        let policy = people.current()
        if let store, store.reducerVersion == Reducer.version,
            try await published.read(or: "", { try $0.personFingerprint() }) == policy.fingerprint
        {
            let reader = LogReader(directory: directory.log)
            let candidate = try Projection(store: store, reader: reader, people: policy)
            do {
                try candidate.checkPosition()
                projection = consume candidate
                return
            } catch let error as LogError where error.code == .positionNotFound {
                logger.critical(
                    "the snapshot's position is not on the log: acknowledged records may be missing from the log",
                    metadata: [
                        "sequence": "\(candidate.position?.sequence ?? 0)", "log_end": "\(log.durableEnd.sequence)",
                        "hint": "circlemeter log verify",
                    ]
                )
            }
        }
        try await makeAnew(progress: { _ in })
    }

    /// Makes the snapshot anew from the log; the old one serves until the new one is complete.
    func rebuild(progress: @escaping @Sendable (ReplayProgress) -> Void) async throws {
        try await makeAnew(progress: progress)
        await catchUp()
    }

    private func makeAnew(progress: @escaping @Sendable (ReplayProgress) -> Void) async throws {
        guard !isRebuilding else {
            throw MeterError(.replayUnderWay, "The snapshot is being made anew already", hint: "wait for it to end")
        }
        guard !isStopping.isRaised else { throw CancellationError() }
        isRebuilding = true
        defer { isRebuilding = false }
        let policy = people.current()
        let rebuild = Rebuild(directory: directory, isDryRun: false, people: policy)
        let path = directory.usage
        let end = log.durableEnd.sequence
        logger.info("making the snapshot from the log", metadata: ["records": "\(end)"])
        // On a thread of its own: the present snapshot keeps up with the log meanwhile.
        let store = try await onOwnThread("circlemeter.rebuild") { [isStopping] in
            try rebuild.run(to: end) { step in
                progress(step)
                return !isStopping.isRaised
            }
        }
        guard let store else { throw CancellationError() }
        isSwapping = true
        defer { isSwapping = false }
        projection = nil
        try await published.replace {
            try rebuild.publish(store)
            return try UsageStore(path: path, purpose: .service)
        }
        if let store = try await published.read(or: UsageStore?.none, { $0 }) {
            projection = try Projection(
                store: store,
                reader: LogReader(directory: directory.log),
                people: policy
            )
        }
        logger.info("the snapshot is made", metadata: ["records": "\(end)"])
    }
}
