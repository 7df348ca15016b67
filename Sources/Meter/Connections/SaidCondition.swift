import Usage
package import Wire

/// What the log said last of a connection.
package struct SaidCondition: Hashable, Sendable {
    /// Nil where that was that the connection is gone.
    package var condition: ConnectionCondition?
    /// The time under which it was said.
    package var at: Timestamp

    package init(_ condition: ConnectionCondition?, at: Timestamp) {
        self.condition = condition
        self.at = at
    }

    init(_ said: ConnectionState) {
        condition = ConnectionCondition.State(rawValue: said.state).map {
            ConnectionCondition(state: $0, reason: said.reason, since: said.since)
        }
        at = said.happenedAt
    }
}
