import Wire

/// A message about a connection for people.
package struct Notice: Hashable, Sendable {
    /// The words are a contract: they are in messages and metrics.
    package enum Kind: String, Sendable, CaseIterable {
        case reconnectRequired = "reconnect_required"
        case expiring
        case silent
        case limited
        /// CircleCI has not been reached for a while.
        case unreachable
        /// What was said before holds no longer.
        case recovered
    }

    package var connection: String
    package var kind: Kind
    /// What it is about; of a recovery what holds now.
    package var condition: ConnectionCondition
    /// One sentence.
    package var message: String
    /// Whole days to the day that was entered for the key, negative behind it; nil where none was, or where the notice
    /// is about something else.
    package var daysLeft: Int?

    package init(
        connection: String,
        kind: Kind,
        condition: ConnectionCondition,
        message: String? = nil,
        daysLeft: Int? = nil
    ) {
        self.connection = connection
        self.kind = kind
        self.condition = condition
        self.message = message ?? condition.message
        self.daysLeft = daysLeft
    }

    /// As it is posted:
    ///
    ///     {"type":"connection-changed","kind","connection","state","reason","since","message","days_left","url"}
    ///
    /// - Parameter url: Where a person can act on it; nil where nobody knows.
    package func json(url: String?) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("type", "connection-changed")
            json.member("kind", kind.rawValue)
            json.member("connection", connection)
            json.member("state", condition.state.rawValue)
            json.member("reason", condition.reason)
            json.member("since", condition.since.description)
            json.member("message", message)
            if let daysLeft { json.member("days_left", daysLeft) }
            json.member("url", url)
        }
        return json.bytes
    }
}
