import CircleCI
import Logging
import Wire

typealias ExportingAPI = CircleCIAPI & UsageExportAPI

/// Settles a connection through CircleCI's API: starts exports, looks at them, downloads their files, settles them.
///
/// Everything that was reached is on disk before the next thing is done, so that a run that was cut anywhere is taken up
/// by the next one: what was started is looked at again, not started anew, and no file is downloaded twice.
struct ExportRun {
    /// What it works with.
    struct Surroundings: Sendable {
        var knowledge: any SettleKnowledge
        var monitor: ConnectionMonitor
        /// The API by the key that the connection has at that moment.
        var api: @Sendable () async throws -> any ExportingAPI
        /// Settles the files that are told.
        var settle: @Sendable (SettleRequest) async throws -> SettleReport
        var now: @Sendable () -> Timestamp
        var clockProblem: @Sendable () -> MeterError?
        var sleep: @Sendable (Duration) async throws -> Void
        var pauseBeforeConfirming: @Sendable () async throws -> Void
        /// Told how far it is, by what it waits for.
        var progress: @Sendable (SettleProgress) async -> Void
        var logger: Logger
    }

    let connection: Connection
    let request: ExportRequest
    let options: ExportOptions
    let files: ExportFiles
    let surroundings: Surroundings

    var state: ExportState
    var report: ExportReport
    /// Of `state.refusal`.
    var refusalCode = CircleCIError.Code.notFound
    private var isKeyChecked = false
    private var troublesInARow = 0

    /// A wait is told of so often.
    private static let tickSeconds = 10.0

    init(
        connection: Connection,
        request: ExportRequest,
        options: ExportOptions,
        files: ExportFiles,
        surroundings: Surroundings
    ) {
        self.connection = connection
        self.request = request
        self.options = options
        self.files = files
        self.surroundings = surroundings
        state = ExportState(organization: connection.organization)
        report = ExportReport(connection: connection.id)
    }

    /// What would be done now, without a call.
    mutating func outlook() async throws -> ExportOutlook {
        try await load()
        try await dropSettled()
        let plan = try await plan()
        return ExportOutlook(
            connection: connection.id,
            slices: plan.slices(),
            underWay: plan.underWay,
            refusal: state.refusal
        )
    }

    /// - Throws: the log's errors, `reconnect_required`, `unwritable_file`, `CancellationError`. What CircleCI does not
    ///   give is in the report.
    mutating func run() async throws -> ExportReport {
        try await load()
        if request.isByHand { forgetRefusals() }
        await files.removeStrangers(keeping: state.exports.flatMap { $0.files ?? [] })
        while report.problem == nil, try await advance() {}
        if report.problem == nil, let refusal = state.refusal {
            report.problem = ExportProblem(code: refusalCode.rawValue, message: refusal)
        }
        report.settledThrough = try await settledThrough()
        return report
    }

    /// Does the next thing; false where there is nothing to do for now.
    private mutating func advance() async throws -> Bool {
        try Task.checkCancellation()
        try await surroundings.knowledge.catchUp()
        if try await dropSettled() {
            try await save()
            await files.removeStrangers(keeping: state.exports.flatMap { $0.files ?? [] })
        }
        for export in state.exports {
            guard await isDownloaded(export) else { continue }
            try await settle(export)
            return true
        }
        let plan = try await plan()
        switch plan.step() {
        case .start(let days): try await attempt { try await $0.start(days, $1) }
        case .look(let id): try await attempt { try await $0.look(id, $1) }
        case .wait(let until): try await wait(until)
        case .done:
            if let failure = state.failures.last, !plan.givenUp.isEmpty {
                report.problem = ExportProblem(
                    code: "export_failed",
                    message: "CircleCI's exports of \(plan.givenUp.count) days failed: \(failure.reason); "
                        + "they are asked for again tomorrow"
                )
            }
            return false
        }
        return true
    }

    /// Calls CircleCI, and takes what it does not give as it is: a wait, or the end of the run.
    private mutating func attempt(
        _ call: (inout ExportRun, any ExportingAPI) async throws -> Void
    ) async throws {
        let api = try await surroundings.api()
        do {
            if !isKeyChecked {
                try await probe(api).check()
                isKeyChecked = true
            }
            try await call(&self, api)
            troublesInARow = 0
        } catch let problem as ExportProblem {
            report.problem = problem
        } catch let error as MeterError {
            report.problem = ExportProblem(error)
        } catch let error as CircleCIError {
            try await take(error, api)
        }
    }

    private mutating func take(_ error: CircleCIError, _ api: any ExportingAPI) async throws {
        switch error.code {
        case .cancelled: throw CancellationError()
        case .unauthorized:
            // Another call's 401 says nothing yet.
            if isKeyChecked {
                await surroundings.monitor.observe(.callFailed(error), of: connection.id)
                if await surroundings.monitor.health(of: connection.id)?.needsConfirmation == true {
                    try? await probe(api).check()
                }
            }
            report.problem = ExportProblem(error)
        case .emptySecret, .cryptography, .invalidURL, .invalidKey: report.problem = ExportProblem(error)
        default:
            try await save()
            troublesInARow += 1
            guard troublesInARow < options.maximumTroubles else {
                report.problem = ExportProblem(error)
                return
            }
            surroundings.logger.info(
                "CircleCI did not answer about usage exports",
                metadata: ["connection": "\(connection.id)", "error": "\(error)"]
            )
            // Where CircleCI asks to wait, the plan waits.
            if error.code == .rateLimited, isKeyChecked { return }
            let pause = options.troubleSeconds * Double(1 << (troublesInARow - 1))
            try await wait(surroundings.now().adding(seconds: pause))
        }
    }

    func probe(_ api: any ExportingAPI) -> KeyProbe {
        KeyProbe(
            api: api,
            connection: connection.id,
            monitor: surroundings.monitor,
            pause: surroundings.pauseBeforeConfirming
        )
    }

    func heldUntil(_ error: CircleCIError) -> Timestamp {
        let asked = error.retryAfter.map { $0 / .seconds(1) } ?? options.holdSeconds
        return surroundings.now().adding(seconds: min(max(asked, 1), 86_400))
    }

    private func wait(_ until: Timestamp) async throws {
        var now = surroundings.now()
        while now < until {
            let export = state.exports.max { ($0.lookedAt ?? $0.startedAt) < ($1.lookedAt ?? $1.startedAt) }
            await surroundings.progress(
                SettleProgress(
                    connection: connection.id,
                    file: export.map { "\($0.first) to \($0.last)" } ?? "",
                    phase: .waiting,
                    bytes: 0,
                    totalBytes: 0,
                    rows: 0,
                    until: until
                )
            )
            try await surroundings.sleep(.seconds(min(ExportRun.tickSeconds, until.seconds(since: now))))
            let before = now
            now = surroundings.now()
            // Of a clock that was set back: what is to be waited for is to be reckoned anew.
            if now < before { return }
        }
    }
}
