import CircleCI
import EventLog
import Logging
import ServiceLifecycle
import Usage
import Wire

/// Settles usage: from files, and from the exports that it asks CircleCI for, on a schedule and when told to.
///
/// What has to survive a restart is on the log and in ``ExportFiles``.
actor Settler: Service {
    /// What the settler works with.
    struct Surroundings: Sendable {
        var connections: ConnectionStore
        var monitor: ConnectionMonitor
        var knowledge: any SettleKnowledge
        /// The API by a connection's key.
        var api: @Sendable (Secret) throws -> any ExportingAPI
        /// Makes entries durable, in any order.
        var append: @Sendable ([LogEntry]) async throws -> Void
        var directory: DataDirectory
        var now: @Sendable () -> Timestamp
        var sleep: @Sendable (Duration) async throws -> Void
        /// Told of each settlement, whatever it is from.
        var settled: @Sendable (SettleReport) -> Void
        /// Told of each run through the API.
        var exported: @Sendable (ExportReport) -> Void
        /// What is wrong with the clock that `now` tells; nil: nothing.
        var clockProblem: @Sendable () -> MeterError?
        var logger: Logger
    }

    private let surroundings: Surroundings
    private let options: ExportOptions
    /// Nil: only when told to.
    private let period: Duration?
    /// Settlements of a connection, one at a time.
    private let turns = Turns()
    /// Runs through the API, one at a time: they wait for long, while files can be settled.
    private let exportTurns = Turns()
    private var progress: [String: SettleProgress] = [:]
    private var reports: [String: (report: ExportReport, at: Timestamp)] = [:]
    private nonisolated let (wakeUps, waker) = AsyncStream.makeStream(
        of: Void.self,
        bufferingPolicy: .bufferingNewest(1)
    )
    /// Scheduled runs that are under way.
    private var scheduled: [String: Task<Void, Never>] = [:]
    /// When a connection was settled through, as far as there was anything.
    private var servedAt: [String: Timestamp] = [:]

    /// Connections whose last run did not get through are looked after so often, and all others whenever it is time.
    private static let tick = Duration.seconds(3600)
    /// Between a first 401 of `/me` and its confirmation.
    private static let pauseBeforeConfirming = Duration.seconds(2)

    init(_ surroundings: Surroundings, options: ExportOptions, period: Duration?) {
        self.surroundings = surroundings
        self.options = options
        self.period = period
    }

    /// Settles all connections through the API, once each period.
    func run() async throws {
        guard let period else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown { await self.runUntilCancelled(period) }
    }

    private func runUntilCancelled(_ period: Duration) async {
        let (sleep, waker) = (surroundings.sleep, waker)
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await sleep(min(period, Settler.tick))) != nil { waker.yield() }
            }
            waker.yield()
            for await _ in wakeUps {
                let connections = surroundings.connections.list()
                await ExportFiles.removeAll(in: surroundings.directory, except: Set(connections.map(\.id)))
                for connection in connections where connection.apiKey != nil && isTime(connection.id, period) {
                    let id = connection.id
                    let task = Task { await self.settleOnSchedule(id) }
                    scheduled[id] = task
                    group.addTask {
                        await withTaskCancellationHandler {
                            await task.value
                        } onCancel: {
                            task.cancel()
                        }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private func isTime(_ id: String, _ period: Duration) -> Bool {
        guard scheduled[id] == nil else { return false }
        guard let servedAt = servedAt[id] else { return true }
        return surroundings.now().seconds(since: servedAt) >= period / .seconds(1)
    }

    /// Looks after a connection soon: it was connected, or reconnected.
    func wake(_ connection: String) {
        servedAt[connection] = nil
        waker.yield()
    }

    /// How far the present settlement of a connection is; nil where none is under way.
    func progress(of connection: String) -> SettleProgress? { progress[connection] }

    /// What the last run of a connection through the API did, and when; nil before the first.
    func lastReport(of connection: String) -> (report: ExportReport, at: Timestamp)? { reports[connection] }

    // MARK: Through the API

    private func settleOnSchedule(_ id: String) async {
        let startedAt = surroundings.now()
        do {
            let report = try await export(id, ExportRequest()) { _ in }
            if report.problem == nil { servedAt[id] = startedAt }
        } catch is CancellationError {
        } catch let error as MeterError where error.code == .reconnectRequired || error.code == .unknownConnection {
            // Said already.
        } catch {
            surroundings.logger.error(
                "a connection could not be settled",
                metadata: ["connection": "\(id)", "error": "\(error)"]
            )
        }
        scheduled[id] = nil
    }

    /// Settles a connection through the API now: what the schedule is at is taken over.
    /// - Throws: `unknown_connection`, `no_api_key`, `reconnect_required`; the log's errors. What CircleCI does not give is
    ///   in the report.
    func settleByHand(
        _ id: String,
        _ request: ExportRequest,
        progress: @escaping @Sendable (SettleProgress) async -> Void = { _ in }
    ) async throws -> ExportReport {
        if let task = scheduled[id] {
            task.cancel()
            await task.value
        }
        let startedAt = surroundings.now()
        do {
            let report = try await export(id, request, progress)
            if request.days == nil, report.problem == nil { servedAt[id] = startedAt } else { wake(id) }
            return report
        } catch {
            // What was interrupted, the schedule goes on with.
            wake(id)
            throw error
        }
    }

    /// What a run through the API would do, without a call.
    /// - Throws: `unknown_connection`.
    func outlook(_ id: String, _ request: ExportRequest) async throws -> ExportOutlook {
        guard let connection = surroundings.connections.get(id) else { throw MeterError.noConnection(id) }
        try await surroundings.knowledge.catchUp()
        var run = exportRun(connection, request) { _ in }
        return try await run.outlook()
    }

    private func export(
        _ id: String,
        _ request: ExportRequest,
        _ progress: @escaping @Sendable (SettleProgress) async -> Void
    ) async throws -> ExportReport {
        await exportTurns.begin(id)
        do {
            try Task.checkCancellation()
            guard let connection = surroundings.connections.get(id) else { throw MeterError.noConnection(id) }
            _ = try await api(of: id)
            var run = exportRun(connection, request) { step in
                await self.note(step)
                await progress(step)
            }
            let report = try await run.run()
            self.progress[id] = nil
            let last = reports[id]?.report
            // That there was nothing to do is no news.
            if !report.isIdle || last == nil || last?.problem != nil { reports[id] = (report, surroundings.now()) }
            surroundings.exported(report)
            if let problem = report.problem, problem != last?.problem {
                surroundings.logger.warning(
                    "a connection is not settled",
                    metadata: ["connection": "\(id)", "problem": "\(problem.message)"]
                )
            }
            await exportTurns.end(id)
            return report
        } catch {
            self.progress[id] = nil
            await exportTurns.end(id)
            throw error
        }
    }

    private func exportRun(
        _ connection: Connection,
        _ request: ExportRequest,
        _ progress: @escaping @Sendable (SettleProgress) async -> Void
    ) -> ExportRun {
        let (id, sleep) = (connection.id, surroundings.sleep)
        return ExportRun(
            connection: connection,
            request: request,
            options: options,
            files: ExportFiles(id, in: surroundings.directory),
            surroundings: ExportRun.Surroundings(
                knowledge: surroundings.knowledge,
                monitor: surroundings.monitor,
                api: { try await self.api(of: id) },
                settle: { try await self.settleFiles(id, $0, progress) },
                now: surroundings.now,
                clockProblem: surroundings.clockProblem,
                sleep: sleep,
                pauseBeforeConfirming: { try await sleep(Settler.pauseBeforeConfirming) },
                progress: progress,
                logger: surroundings.logger
            )
        )
    }

    /// The API by the key that the connection has now.
    private func api(of id: String) async throws -> any ExportingAPI {
        guard let connection = surroundings.connections.get(id) else { throw MeterError.noConnection(id) }
        guard let key = connection.apiKey else { throw MeterError.noKey(id) }
        guard await surroundings.monitor.health(of: id)?.allowsCalls != false else { throw MeterError.deadKey(id) }
        return try surroundings.api(key)
    }

    // MARK: From files

    /// Settles files, now or after those of the connection that are being settled.
    /// - Throws: `unknown_connection`, `wrong_clock`; the log's errors. What is wrong with a file is in the report.
    func settle(
        _ id: String,
        _ request: SettleRequest,
        progress: @escaping @Sendable (SettleProgress) async -> Void
    ) async throws -> SettleReport {
        // The time of a file was held against this clock.
        if let problem = surroundings.clockProblem() { throw problem }
        defer { self.progress[id] = nil }
        return try await settleFiles(id, request) { step in
            await self.note(step)
            await progress(step)
        }
    }

    private func settleFiles(
        _ id: String,
        _ request: SettleRequest,
        _ progress: @escaping @Sendable (SettleProgress) async -> Void
    ) async throws -> SettleReport {
        guard surroundings.connections.get(id) != nil else { throw MeterError.noConnection(id) }
        await turns.begin(id)
        do {
            try Task.checkCancellation()
            var settlement = Settlement(
                connection: id,
                request: request,
                knowledge: surroundings.knowledge,
                append: surroundings.append,
                now: surroundings.now,
                progress: progress
            )
            let report = try await settlement.run()
            await turns.end(id)
            let rows = report.files.reduce(0) { $0 + $1.rows }
            let added = report.files.reduce(0) { $0 + $1.settled + $1.corrected }
            if !request.isDryRun { surroundings.settled(report) }
            surroundings.logger.info(
                "settled",
                metadata: [
                    "connection": "\(id)", "files": "\(report.files.count)", "rows": "\(rows)", "added": "\(added)",
                ]
            )
            return report
        } catch {
            await turns.end(id)
            throw error
        }
    }

    private func note(_ step: SettleProgress) { progress[step.connection] = step }
}
