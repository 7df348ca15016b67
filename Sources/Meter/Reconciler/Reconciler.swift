import CircleCI
import EventLog
import Logging
import ServiceLifecycle
import Synchronization
import Usage
import Wire

/// Asks CircleCI's API for what the webhooks missed: of every connection with a key, on a schedule and when told to.
///
/// One pass of a connection at a time. What it remembers between passes only saves calls: all that has to survive is on
/// the log.
actor Reconciler: Service {
    /// What the reconciler works with.
    struct Surroundings: Sendable {
        var connections: ConnectionStore
        var monitor: ConnectionMonitor
        var knowledge: any ReconcileKnowledge
        /// The API by a connection's key.
        var api: @Sendable (Secret) throws -> any CircleCIAPI
        /// Makes entries durable, in any order.
        var append: @Sendable ([LogEntry]) async throws -> Void
        var now: @Sendable () -> Timestamp
        var sleep: @Sendable (Duration) async throws -> Void
        /// Told of each pass that was no dry run.
        var reconciled: @Sendable (ReconcileReport) -> Void
        var logger: Logger
    }

    private let surroundings: Surroundings
    private let options: ReconcileOptions
    /// Nil: only when told to.
    private let period: Duration?
    private var memories: [String: ConnectionPass.Memory] = [:]
    private let turns = Turns()
    private var progress: [String: ReconcileProgress] = [:]
    private var reports: [String: ReconcileReport] = [:]
    private var reportedAt: [String: Timestamp] = [:]
    private nonisolated let (wakeUps, waker) = AsyncStream.makeStream(
        of: Void.self,
        bufferingPolicy: .bufferingNewest(1)
    )
    /// Passes that somebody waits for.
    private var byHand: [Int: Task<ReconcileReport, any Error>] = [:]
    private var byHandCount = 0
    /// Connections whose next pass is to be thorough: their key was dead, or is new.
    private var outages: Set<String> = []
    /// Of these, those whose thorough pass did not get through.
    private var unserved: Set<String> = []
    /// Connections with a scheduled pass under way.
    private var scheduled: Set<String> = []

    private var lookedAtQuietAt: Timestamp?

    /// Connections without a key are looked at so often.
    private static let quietSeconds = 3600.0
    /// Between a first 401 of `/me` and its confirmation.
    private static let pauseBeforeConfirming = Duration.seconds(2)

    init(_ surroundings: Surroundings, options: ReconcileOptions, period: Duration?) {
        self.surroundings = surroundings
        self.options = options
        self.period = period
    }

    /// Passes over all connections, then waits for the period or for a call of ``wake(_:)``.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.runUntilCancelled() }
        } catch is CancellationError {}
        for task in byHand.values { task.cancel() }
    }

    private func runUntilCancelled() async throws {
        try await track()
        let (period, sleep, waker) = (period, surroundings.sleep, waker)
        await withDiscardingTaskGroup { group in
            if let period {
                group.addTask {
                    while (try? await sleep(period)) != nil { waker.yield() }
                }
                waker.yield()
            }
            for await _ in wakeUps {
                await surroundings.monitor.tick()
                await lookAtQuiet()
                // One connection's long pass holds up no other's.
                for connection in surroundings.connections.list()
                where connection.apiKey != nil && scheduled.insert(connection.id).inserted {
                    group.addTask { await self.passOnSchedule(connection.id) }
                }
            }
            group.cancelAll()
        }
    }

    /// Tells the monitor of every connection and of what the log said of it last.
    func track() async throws {
        let said = try await saidConditions()
        await surroundings.monitor.remember(said)
        for connection in surroundings.connections.list()
        where await surroundings.monitor.health(of: connection.id) == nil {
            await surroundings.monitor.track(connection, said: said[connection.id]?.condition)
        }
    }

    /// What the log said last of each connection. Damage of the snapshot holds this up, and does not end the service.
    private func saidConditions() async throws -> [String: SaidCondition] {
        while true {
            try await surroundings.knowledge.catchUp()
            do {
                return try await surroundings.knowledge.saidConditions()
            } catch  where SnapshotDamage.isDamage(error) {
                try Task.checkCancellation()
            }
        }
    }

    /// Asks for a thorough pass of a connection soon: it was connected, or reconnected.
    func wake(_ connection: String) {
        outages.insert(connection)
        waker.yield()
    }

    /// What the last pass of a connection did, and when; nil before the first.
    func lastReport(of connection: String) -> (report: ReconcileReport, at: Timestamp)? {
        guard let report = reports[connection], let at = reportedAt[connection] else { return nil }
        return (report, at)
    }

    /// How far the present pass of a connection is; nil where none is under way.
    func progress(of connection: String) -> ReconcileProgress? { progress[connection] }

    private func lookAtQuiet() async {
        let now = surroundings.now()
        if let last = lookedAtQuietAt, now.seconds(since: last) < Reconciler.quietSeconds { return }
        lookedAtQuietAt = now
        let watch = QuietWatch(knowledge: surroundings.knowledge, monitor: surroundings.monitor)
        for connection in surroundings.connections.list() where connection.apiKey == nil {
            do {
                try await watch.look(at: connection, now: now)
            } catch {
                surroundings.logger.error(
                    "the rhythm of a connection could not be looked at",
                    metadata: ["connection": "\(connection.id)", "error": "\(error)"]
                )
            }
        }
    }

    /// One pass of a connection with a key, thorough where an outage has been.
    func passOnSchedule(_ id: String) async {
        // Asked for again meanwhile, it is done again.
        let isAfterOutage = outages.remove(id) != nil
        defer {
            scheduled.remove(id)
            if outages.contains(id) { waker.yield() }
        }
        let request = ReconcileRequest(
            thoroughness: isAfterOutage || unserved.remove(id) != nil ? .thorough : .economical
        )
        do {
            let report = try await reconcile(id, request)
            if isAfterOutage, report.error != nil || report.projects.contains(where: { $0.error != nil }) {
                unserved.insert(id)
            }
            guard report.addedCount > 0 || report.error != nil else { return }
            surroundings.logger.info(
                "reconciled",
                metadata: [
                    "connection": "\(id)", "added": "\(report.addedCount)",
                    "missing": "\(report.missing.count)", "error": "\(report.error.map { "\($0)" } ?? "none")",
                ]
            )
        } catch is CancellationError {
        } catch let error as MeterError where error.code == .reconnectRequired || error.code == .unknownConnection {
            // Said already.
        } catch {
            surroundings.logger.error(
                "a connection could not be reconciled",
                metadata: ["connection": "\(id)", "error": "\(error)"]
            )
        }
    }

    /// One pass of a connection that is interrupted when the service stops.
    func reconcileByHand(
        _ id: String,
        _ request: ReconcileRequest,
        planned: @escaping @Sendable (String, [APIEvent]) async -> Void,
        progress: @escaping @Sendable (ReconcileProgress) async -> Void
    ) async throws -> ReconcileReport {
        byHandCount += 1
        let number = byHandCount
        let task = Task { try await reconcile(id, request, planned: planned, progress: progress) }
        byHand[number] = task
        defer { byHand[number] = nil }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// One pass of a connection, now or after the one that is under way.
    ///
    /// - Parameters:
    ///   - planned: told of events that the log lacks, also in a dry run, with their project's slug.
    ///   - progress: told how far it is.
    /// - Throws: `unknown_connection`, `no_api_key`, `reconnect_required`; the log's errors.
    @discardableResult
    func reconcile(
        _ id: String,
        _ request: ReconcileRequest,
        planned: @escaping @Sendable (String, [APIEvent]) async -> Void = { _, _ in },
        progress: @escaping @Sendable (ReconcileProgress) async -> Void = { _ in }
    ) async throws -> ReconcileReport {
        await turns.begin(id)
        do {
            let report = try await pass(id, request, planned, progress)
            await turns.end(id)
            return report
        } catch {
            await turns.end(id)
            throw error
        }
    }

    private func pass(
        _ id: String,
        _ request: ReconcileRequest,
        _ planned: @escaping @Sendable (String, [APIEvent]) async -> Void,
        _ progress: @escaping @Sendable (ReconcileProgress) async -> Void
    ) async throws -> ReconcileReport {
        guard let connection = surroundings.connections.get(id) else { throw MeterError.noConnection(id) }
        guard let key = connection.apiKey else { throw MeterError.noKey(id) }
        let api = try surroundings.api(key)
        let health = await surroundings.monitor.health(of: id)
        guard health?.allowsCalls != false else {
            // Whether the key is alive after all is asked now and then; everything else waits for a new key.
            if health?.mayProbe(at: surroundings.now()) == true {
                try? await probe(id, api).check()
                if await surroundings.monitor.health(of: id)?.allowsCalls == true { wake(id) }
            }
            throw MeterError.deadKey(id)
        }
        let pass = ConnectionPass(
            connection: connection,
            request: request,
            api: api,
            knowledge: surroundings.knowledge,
            monitor: surroundings.monitor,
            options: options,
            append: surroundings.append,
            now: surroundings.now,
            pauseBeforeConfirming: pauseBeforeConfirming,
            planned: planned,
            progress: { step in
                await self.note(step)
                await progress(step)
            },
            logger: surroundings.logger
        )
        var memory = memories[id] ?? ConnectionPass.Memory()
        defer { self.progress[id] = nil }
        let report = try await pass.run(&memory)
        if !request.isDryRun {
            memories[id] = memory
            reports[id] = report
            reportedAt[id] = surroundings.now()
            surroundings.reconciled(report)
        }
        return report
    }

    private func note(_ step: ReconcileProgress) { progress[step.connection] = step }

    private func probe(_ id: String, _ api: any CircleCIAPI) -> KeyProbe {
        KeyProbe(api: api, connection: id, monitor: surroundings.monitor, pause: pauseBeforeConfirming)
    }

    private nonisolated var pauseBeforeConfirming: @Sendable () async throws -> Void {
        let sleep = surroundings.sleep
        return { try await sleep(Reconciler.pauseBeforeConfirming) }
    }
}
