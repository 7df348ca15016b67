import Usage
import Wire

extension Overview {
    struct ConnectionLine {
        let id: String
        let cardPath: String
        let organization: String
        let stateWord: String
        let stateTone: String
        let stateSince: String
        let lastEvent: ShownTime?
        let reconciledThrough: ShownTime?
        let settledThrough: String?
        let projects: String
        /// Where its key is entered and what the button says; for admins, where a key is what it needs.
        let keyPath: String?
        let keyWord: String?
    }

    /// - Parameters:
    ///   - conditions: as they are noticed now, by connection.
    ///   - lastEvents: when the latest event of each connection happened.
    static func connectionLines(
        _ connections: [Connection],
        _ conditions: [String: ConnectionCondition],
        lastEvents: [String: Timestamp],
        in snapshot: Snapshot,
        isAdmin: Bool,
        now: Timestamp
    ) -> [ConnectionLine] {
        let states = Dictionary(uniqueKeysWithValues: snapshot.connections.map { ($0.state.connection, $0) })
        return connections.map { connection in
            let known = states[connection.id]
            let condition =
                conditions[connection.id]
                ?? ConnectionHealth(hasKey: connection.apiKey != nil, keyExpires: connection.keyExpires, at: now)
                .condition
            let keyWord = isAdmin ? condition.keyWord(hasKey: connection.apiKey != nil) : nil
            return ConnectionLine(
                id: connection.id,
                cardPath: ConnectionsPage.path(to: connection.id),
                organization: connection.organization,
                stateWord: condition.word,
                stateTone: condition.tone,
                stateSince: ShownTime(condition.since, now: now).minute,
                lastEvent: lastEvents[connection.id].map { ShownTime($0, now: now) },
                reconciledThrough: known?.reconciledThrough.map { ShownTime($0, now: now) },
                settledThrough: known?.settledThrough?.description,
                projects: grouped(known?.projectCount ?? 0),
                keyPath: keyWord.map { _ in "/connections/\(connection.id)/reconnect" },
                keyWord: keyWord
            )
        }
    }
}

extension ConnectionCondition {
    /// What the button says where a key is what the connection needs; nil where it needs none.
    func keyWord(hasKey: Bool) -> String? {
        guard hasKey else { return "Connect" }
        switch state {
        case .reconnectRequired: return "Reconnect"
        case .expiring: return "Replace key"
        default: return nil
        }
    }
}
