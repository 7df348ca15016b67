import Usage
import Wire

/// Looks after connections without a key: nobody can be asked whether something ran, so each project is held against its
/// own rhythm.
struct QuietWatch: Sendable {
    let knowledge: any ReconcileKnowledge
    let monitor: ConnectionMonitor

    /// Runs of pipelines that were created so many days ago can tell of the rhythm.
    private static let dayCount: Int32 = 15

    func look(at connection: Connection, now: Timestamp) async throws {
        var ends: [String: [EndedRun]] = [:]
        for age in 0..<QuietWatch.dayCount {
            let day = Day(daysSinceEpoch: now.day.daysSinceEpoch - age)
            for run in try await knowledge.runs(of: connection.id, day: day) {
                guard let endedAt = run.stoppedAt else { continue }
                ends[run.project, default: []].append(
                    EndedRun(endedAt: endedAt, isToldByWebhook: run.isToldByWebhook)
                )
            }
        }
        let names = try await knowledge.projects(of: connection.id)
        let slugs = Dictionary(names.map { ($0.id, $0.slug) }, uniquingKeysWith: { _, last in last })
        let observations = ends.sorted { $0.key < $1.key }.map { project, runs -> ConnectionObservation in
            let slug = slugs[project] ?? project
            guard let since = Rhythm(runs, now: now)?.quietSince(at: now) else { return .projectHeard(slug) }
            return .projectSilent(slug, since: since)
        }
        if !observations.isEmpty { await monitor.observe(observations, of: connection.id) }
    }
}
