import Wire

/// The service's own word, and what is told of no single run.
extension Reducer {
    mutating func foldConnection(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol
    ) -> Outcome {
        guard let state = event.connection.state, let happenedAt = event.happenedAt else { return .unreadable }
        let candidate = ConnectionState(
            connection: symbols.string(connection),
            state: state.string(in: body),
            reason: event.connection.reason?.string(in: body) ?? "",
            since: event.connection.since ?? happenedAt,
            happenedAt: happenedAt,
            eventID: event.id?.string(in: body) ?? ""
        )
        if let known = connections[connection], !known.precedes(candidate) { return .notice }
        connections[connection] = candidate
        changedConnections.insert(connection)
        return .notice
    }

    mutating func foldReconciliation(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol
    ) -> Outcome {
        guard let reconciliation = event.reconciliation, let happenedAt = event.happenedAt,
            let project = event.project.id, project.count > 0
        else { return .unreadable }
        let key = ReconciliationLedger.Key(connection: connection, project: symbols.intern(project, in: body))
        let candidate = ProjectReconciliation(
            connection: symbols.string(connection),
            project: symbols.string(key.project),
            happenedAt: happenedAt,
            eventID: event.id?.string(in: body) ?? "",
            reconciliation: reconciliation
        )
        if let change = ledger.see(candidate, key: key) {
            for item in change.before {
                changes.countMissing(connection: connection, project: key.project, day: item.day, sign: -1)
            }
            for item in change.after {
                changes.countMissing(connection: connection, project: key.project, day: item.day, sign: 1)
            }
        }
        return .notice
    }

    /// The days that an export holds completely, at most a year of them.
    mutating func foldSettledDays(_ event: Event, connection: Symbol) -> Outcome {
        guard let days = event.settledDays, let exportedAt = event.exportedAt,
            days.upperBound.daysSinceEpoch - days.lowerBound.daysSinceEpoch <= 400
        else { return .unreadable }
        var day = days.lowerBound
        while day <= days.upperBound {
            settlementLedger.see(
                SettledDay(connection: symbols.string(connection), day: day, exportedAt: exportedAt)
            )
            day = Day(daysSinceEpoch: day.daysSinceEpoch + 1)
        }
        return .notice
    }

    mutating func foldDescription(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol
    ) -> Outcome {
        guard let usage = event.usage, let resourceClass = usage.resourceClass, let happenedAt = event.happenedAt,
            let project = event.project.id, project.count > 0
        else { return .unreadable }
        settlementLedger.see(
            JobDescription(
                connection: symbols.string(connection),
                project: project.string(in: body),
                workflow: event.workflow.name?.string(in: body) ?? "",
                job: event.job.name?.string(in: body) ?? "",
                resourceClass: resourceClass.string(in: body),
                executor: usage.executor?.string(in: body) ?? "",
                parallelism: Int(min(max(1, usage.parallelism ?? 1), 10_000)),
                happenedAt: happenedAt
            )
        )
        return .notice
    }

    mutating func foldRateCard(_ event: Event, in body: UnsafeRawBufferPointer) -> Outcome {
        guard let card = event.rateCard, let happenedAt = event.happenedAt else { return .unreadable }
        settlementLedger.see(
            RateCardState(card: card, happenedAt: happenedAt, eventID: event.id?.string(in: body) ?? "")
        )
        return .notice
    }
}

extension ConnectionState {
    /// By time, then id, then what is said, so that any set of events has one latest state.
    func precedes(_ other: ConnectionState) -> Bool {
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        if eventID != other.eventID { return eventID.precedesInBytes(other.eventID) }
        if state != other.state { return state.precedesInBytes(other.state) }
        if reason != other.reason { return reason.precedesInBytes(other.reason) }
        return since < other.since
    }
}
