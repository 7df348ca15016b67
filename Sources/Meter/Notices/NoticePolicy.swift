import Wire

/// Decides what people are told about one connection: each condition once, in the shadow of a worse one, too. A key that
/// runs out must be told while a project is gone for good.
struct NoticePolicy: Sendable {
    /// An outage at CircleCI is told when it has lasted this long: most are over before anybody could act.
    static let unreachableSeconds: Int64 = 30 * 60

    /// Reasons that were told, by state.
    private var told: [ConnectionCondition.State: String] = [:]

    /// - Parameter restored: What was said before a restart, and is not told again.
    init(restored: ConnectionCondition?, at now: Timestamp) {
        if let restored, NoticePolicy.kind(of: restored, at: now) != nil { told[restored.state] = restored.reason }
    }

    /// What is to be told now, the most important last.
    mutating func notices(of connection: String, health: ConnectionHealth, at now: Timestamp) -> [Notice] {
        var notices: [Notice] = []
        let before = told.keys.max()
        for condition in health.all.reversed() {
            guard let kind = NoticePolicy.kind(of: condition, at: now), told[condition.state] != condition.reason else {
                continue
            }
            told[condition.state] = condition.reason
            let daysLeft = kind == .expiring ? health.keyExpiry?.daysLeft(at: now) : nil
            notices.append(Notice(connection: connection, kind: kind, condition: condition, daysLeft: daysLeft))
        }
        let holding = Set(health.all.map(\.state))
        told = told.filter { holding.contains($0.key) }
        if let before, told.keys.max().map({ $0 < before }) ?? true {
            notices.append(
                Notice(
                    connection: connection,
                    kind: .recovered,
                    condition: health.condition,
                    message: "No longer \(before.rawValue). \(health.condition.message)"
                )
            )
        }
        return notices
    }

    /// Nil where nobody needs to be told, or not yet.
    private static func kind(of condition: ConnectionCondition, at now: Timestamp) -> Notice.Kind? {
        switch condition.state {
        case .connected, .rateLimited: nil
        case .expiring: .expiring
        case .silent: .silent
        case .limited: .limited
        case .unreachable:
            now.microseconds - condition.since.microseconds >= unreachableSeconds * 1_000_000 ? .unreachable : nil
        case .reconnectRequired: .reconnectRequired
        }
    }
}
