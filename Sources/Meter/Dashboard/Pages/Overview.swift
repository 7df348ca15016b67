import Usage
import Wire

/// The values of the overview's template, as texts for people.
struct Overview {
    /// What somebody has to look at.
    struct AttentionLine {
        let text: String
        /// The rest is of a connection only.
        var connectionID: String?
        var cardPath: String?
        /// Where its key is entered; for admins, where another key is what it needs.
        var formPath: String?
        var formWord: String?
    }

    struct RecordLine {
        let source: String
        let type: String
        let outcome: String
        let records: String
    }

    /// What the page is made of besides the counters.
    struct Surroundings {
        var records: [RecordCount]
        var connections: [Connection]
        /// As they are noticed now, by connection.
        var conditions: [String: ConnectionCondition]
        /// When the latest event of each connection happened.
        var lastEvents: [String: Timestamp]
        var attention: [AttentionLine]
        var durableSequence: Int
        var lagSeconds: Double
        var quarantined: Int
        /// Kept although their signature fits no secret.
        var refused: Int
        var isAdmin: Bool
        var hasCharts: Bool
        var now: Timestamp
    }

    let tag: String
    let navigation: Navigation
    let attention: [AttentionLine]
    let hasAttention: Bool
    /// Instead of numbers, before there are any.
    let steps: [Step]
    let hasCounters: Bool
    let todayDay: String
    let today: [Figure]
    let month: [Figure]
    let charts: [ChartView]
    let hasCharts: Bool
    let coverage: [Fact]
    let freshness: [Fact]
    let projects: [Project]
    let hasProjects: Bool
    let moreProjects: String?
    let connections: [ConnectionLine]
    let hasConnections: Bool
    let logRecords: String
    let countedRecords: String
    let records: [RecordLine]
    let quarantined: String?
    let refused: String?

    /// - Parameter counts: Of 30 days, the last of which is today.
    init(
        snapshot: Snapshot,
        counts: OverviewCounts,
        activeUsers: Int,
        surroundings: Surroundings,
        tag: String,
        navigation: Navigation
    ) {
        self.tag = tag
        self.navigation = navigation
        attention = surroundings.attention
        hasAttention = !attention.isEmpty
        let runRecords = surroundings.records.filter { $0.outcome == Reducer.Outcome.run.rawValue }
        hasCounters = !runRecords.isEmpty
        let hasDeliveries = surroundings.records.contains { $0.source == "webhook" }
        steps =
            hasCounters
            ? []
            : Overview.steps(
                hasConnections: !surroundings.connections.isEmpty,
                hasDeliveries: hasDeliveries,
                isAdmin: surroundings.isAdmin
            )
        todayDay = counts.days.last?.day.description ?? ""
        today = Overview.today(counts)
        month = Overview.month(counts, activeUsers: activeUsers)
        hasCharts = surroundings.hasCharts
        charts = Overview.charts(counts.days, hasCanvas: hasCharts)
        coverage = Overview.coverage(counts.coverage)
        let counted = snapshot.position?.sequence ?? 0
        freshness = Overview.freshness(
            lastEvent: surroundings.lastEvents.values.max(),
            lag: Lag(
                records: max(0, surroundings.durableSequence - counted),
                seconds: surroundings.lagSeconds
            ),
            now: surroundings.now
        )
        projects = Overview.projects(counts, in: snapshot)
        hasProjects = !projects.isEmpty
        let rest = counts.projects.count - projects.count
        moreProjects = rest > 0 ? grouped(rest) : nil
        connections = Overview.connectionLines(
            surroundings.connections,
            surroundings.conditions,
            lastEvents: surroundings.lastEvents,
            in: snapshot,
            isAdmin: surroundings.isAdmin,
            now: surroundings.now
        )
        hasConnections = !connections.isEmpty
        logRecords = grouped(surroundings.durableSequence)
        countedRecords = grouped(counted)
        records = surroundings.records.map {
            RecordLine(source: $0.source, type: $0.type, outcome: $0.outcome, records: grouped($0.records))
        }
        quarantined = surroundings.quarantined > 0 ? grouped(surroundings.quarantined) : nil
        refused = surroundings.refused > 0 ? grouped(surroundings.refused) : nil
    }
}
