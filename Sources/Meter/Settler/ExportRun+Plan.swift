import CircleCI
import Logging
import Wire

/// What a run knows, and what it plans by that.
extension ExportRun {
    mutating func load() async throws {
        do throws(MeterError) {
            if let known = try await files.load(), known.organization == connection.organization { state = known }
        } catch {
            surroundings.logger.warning(
                "usage exports are begun anew",
                metadata: ["connection": "\(connection.id)", "error": "\(error)"]
            )
        }
        state.prune(at: surroundings.now(), options)
    }

    func save() async throws(MeterError) { try await files.save(state) }

    mutating func forgetRefusals() {
        state.failures = []
        (state.refusedAt, state.refusal) = (nil, nil)
    }

    func isDownloaded(_ export: ExportState.Export) async -> Bool {
        guard let names = export.files else { return false }
        return await files.missing(of: names).isEmpty
    }

    /// Forgets exports that were settled before it could be noted, and those that nobody will complete any more. Whether
    /// there were any.
    @discardableResult
    mutating func dropSettled() async throws -> Bool {
        let now = surroundings.now()
        let settled = try await surroundings.knowledge.settledDays(of: connection.id)
        let count = state.exports.count
        state.exports.removeAll { [options] export in
            let startedAt = export.startedAt.wholeMilliseconds
            let isSettled = export.days.all.allSatisfy { day in settled[day].map { startedAt <= $0 } ?? false }
            return isSettled || now.seconds(since: export.startedAt) > options.giveUpSeconds
        }
        return state.exports.count < count
    }

    mutating func plan() async throws -> ExportPlan {
        let now = surroundings.now()
        state.prune(at: now, options)
        var plan = ExportPlan(now: now)
        plan.options = options
        plan.settled = try await surroundings.knowledge.settledDays(of: connection.id)
        plan.isAsked = request.days != nil
        if let days = request.days { plan.days = days } else { plan.days = try await unsettledDays(now) }
        plan.underWay = state.exports.map {
            ExportPlan.UnderWay(id: $0.id, days: $0.days, startedAt: $0.startedAt, lookedAt: $0.lookedAt)
        }
        plan.starts = state.starts
        plan.looks = state.looks
        plan.failures = state.failures.map { ExportPlan.Failure(days: $0.first...$0.last, at: $0.at) }
        plan.mayStart = state.refusal == nil
        plan.startsHeldUntil = state.startsHeldUntil
        plan.looksHeldUntil = state.looksHeldUntil
        return plan
    }

    private func unsettledDays(_ now: Timestamp) async throws -> ClosedRange<Day>? {
        let (first, last) = (try await firstDay(now), ExportPlan.lastFullDay(now, options))
        return first <= last ? first...last : nil
    }

    private func firstDay(_ now: Timestamp) async throws -> Day {
        let runCounts = try await surroundings.knowledge.runCounts(of: connection.id)
        return ExportPlan.firstDay(runCounts, addedAt: connection.addedAt, now, options)
    }

    func settledThrough() async throws -> Day? {
        ExportPlan.settledThrough(
            try await surroundings.knowledge.settledDays(of: connection.id),
            since: try await firstDay(surroundings.now())
        )
    }
}
