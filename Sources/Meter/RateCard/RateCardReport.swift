import CircleCI
package import Usage
package import Wire

/// The rate card in force, what it lacks, and whether its file counts: what `circlemeter rates show` prints.
///
/// Calls that read block; make them off the cooperative pool.
package struct RateCardReport: Sendable {
    package let card: RateCard
    /// When it was changed last; nil while it is the built-in one.
    package let changedAt: Timestamp?
    package let unrated: [UnratedMachine]
    /// What is wrong with the file; nil while it counts.
    package let fileProblem: MeterError?
    /// Whether the file holds another card than the one in force: the service takes it in within a minute.
    package let isFileAhead: Bool

    /// Nil where there is no snapshot that this program can read.
    package static func read(_ directory: DataDirectory) throws -> RateCardReport? {
        guard let snapshot = try Replay(directory).published() else { return nil }
        do throws(MeterError) {
            let onFile = try RateCardFile(directory).card()
            return RateCardReport(
                of: snapshot,
                fileProblem: nil,
                isFileAhead: onFile.map { $0 != snapshot.rateCard } ?? false
            )
        } catch {
            return RateCardReport(of: snapshot, fileProblem: error, isFileAhead: false)
        }
    }

    init(of snapshot: Snapshot, fileProblem: MeterError?, isFileAhead: Bool) {
        card = snapshot.rateCard
        changedAt = snapshot.rateCardChangedAt
        unrated = snapshot.unratedMachines
        self.fileProblem = fileProblem
        self.isFileAhead = isFileAhead
    }

    /// `{"rate_card","changed_at","unrated":[],"file_problem","file_is_ahead"}`
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.name("rate_card")
            RateCardScanner.write(card, to: &json)
            json.member("changed_at", changedAt?.description)
            json.member(
                "unrated",
                array: { json in
                    for machine in unrated { json.object { RateCardReport.write(machine, to: &$0) } }
                }
            )
            json.member("file_problem", fileProblem?.description)
            json.member("file_is_ahead", isFileAhead)
        }
    }

    private static func write(_ machine: UnratedMachine, to json: inout JSONWriter) {
        json.member("executor", machine.executor)
        json.member("resource_class", machine.resourceClass)
        json.member("runs", machine.runs)
        json.member("runs_provisional", machine.provisionalRuns)
        json.member("duration_ms", machine.durationMilliseconds)
        json.member("first_day", machine.firstDay.description)
        json.member("last_day", machine.lastDay.description)
    }

    /// Lines for people.
    package var text: String {
        let origin = changedAt.map { "since \($0)" } ?? "built in"
        var lines = ["rate card in force, \(origin): read on \(card.published) at \(card.source)"]
        lines.append(
            "a job of which nothing is known: \(card.defaultMachine.executor) \(card.defaultMachine.resourceClass)"
        )
        for period in card.periods {
            lines.append("from \(period.from), credits a minute:")
            for (executor, classes) in period.thousandthsPerMinute.sorted(by: { $0.key < $1.key }) {
                for (name, rate) in classes.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
                    lines.append("  \(column(executor, 9)) \(column(name, 20)) \(DecimalText.trimmed(rate, digits: 3))")
                }
            }
        }
        if let contract = card.contract {
            for period in contract.periods {
                let end = period.to.map { "to \($0)" } ?? "until further notice"
                let price = DecimalText.trimmed(period.billionthsPerCredit, digits: 9)
                lines.append("contract: from \(period.from) \(end), \(price) \(contract.currency) a credit")
            }
        } else {
            lines.append("no contract: nothing is shown in money")
        }
        for machine in unrated {
            lines.append(
                "no rate: \(machine.executor) \(machine.resourceClass), \(machine.runs) runs from \(machine.firstDay) to "
                    + "\(machine.lastDay), \(machine.provisionalRuns) of them not settled and taken to cost nothing"
            )
        }
        if isFileAhead { lines.append("the file holds another card; a running service takes it in within a minute") }
        return lines.joined(separator: "\n")
    }

    private func column(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

/// What a card holds, in one line.
package struct RateCardSummary: Sendable {
    package let text: String

    package init(_ card: RateCard) {
        let rates = card.periods.reduce(0) { $0 + $1.thousandthsPerMinute.values.reduce(0) { $0 + $1.count } }
        let contract = card.contract.map { "a contract in \($0.currency) of \($0.periods.count) periods" }
        text = "\(rates) rates in \(card.periods.count) periods, \(contract ?? "no contract")"
    }
}
