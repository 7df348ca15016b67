import Usage
import Wire

extension Overview {
    /// How far the numbers can be trusted: what they are made of, and how fresh they are.
    struct Fact {
        let term: String
        let fact: String
        var factNote: String?
        /// `good`, `warning`, `bad`, or `plain`.
        var factTone = "plain"
    }

    /// How far the published counters are behind the log.
    struct Lag {
        var records: Int
        var seconds: Double
    }

    static func coverage(_ coverage: CoverageTotals) -> [Fact] {
        func fact(_ term: String, _ count: Int) -> Fact {
            Fact(
                term: term,
                fact: share(count, of: coverage.runs),
                factNote: count == 1 ? "1 job run" : "\(grouped(count)) job runs"
            )
        }
        var facts = [
            fact("Told by a webhook", coverage.webhook), fact("Filled in by the API", coverage.apiOnly),
        ]
        if coverage.exportOnly > 0 { facts.append(fact("By the usage export alone", coverage.exportOnly)) }
        facts.append(fact("Settled", coverage.settled))
        facts.append(
            coverage.missing == 0
                ? Fact(term: "Missing", fact: "nothing known", factTone: "good")
                : Fact(
                    term: "Missing",
                    fact: grouped(coverage.missing),
                    factNote: "named by CircleCI, not fetched",
                    factTone: "bad"
                )
        )
        return facts
    }

    /// - Parameter lastEvent: when the latest event happened; nil: none has come.
    static func freshness(lastEvent: Timestamp?, lag: Lag, now: Timestamp) -> [Fact] {
        let event = lastEvent.map { ShownTime($0, now: now) }
        let behind = "\(grouped(lag.records)) records behind the log"
        return [
            Fact(term: "Last event", fact: event?.distance ?? "none yet", factNote: event?.minute),
            lag.records == 0
                ? Fact(term: "Counters", fact: "up to date with the log", factTone: "good")
                : Fact(
                    term: "Counters",
                    fact: behind,
                    factNote: "for \(Int(lag.seconds)) s",
                    factTone: lag.seconds > HealthAPI.maximumLagSeconds ? "bad" : "plain"
                ),
        ]
    }
}
