import Testing
import Usage
import Wire

/// What credits depend on besides runs is a function of the set of events, also where two of them tie.
struct SettlementFactsTests {
    private func event(_ notice: TestEvent.Notice, workflow: String = "build", job: String = "test") -> TestEvent {
        TestEvent(
            kind: .job,
            source: notice.source,
            connection: "acme",
            id: "event",
            run: "",
            pipelineCreatedAt: RandomEvents.firstInstant,
            happenedAt: RandomEvents.firstInstant,
            projectID: "00000000-0000-4000-8000-000000000001",
            workflow: workflow,
            job: job,
            notice: notice
        )
    }

    /// What the tables hold after each order of the events, cut behind each of them or not.
    private func each<Value>(_ events: [TestEvent], _ value: (UsageTables) -> Value) throws -> [Value] {
        try [events, events.reversed()].flatMap { order in
            try [true, false].map { isCut in
                var tables = UsageTables()
                var reducer = try Reducer(storage: tables)
                for event in order {
                    try reducer.fold(event, storage: tables)
                    guard isCut else { continue }
                    tables.apply(reducer.takeChanges())
                    reducer = try Reducer(storage: tables)
                }
                tables.apply(reducer.takeChanges())
                return value(tables)
            }
        }
    }

    @Test func `of two cards of one time and id the same one counts in any order`() throws {
        let cards = try each([event(.rateCard(1)), event(.rateCard(2)), event(.rateCard(0))]) { $0.rateCard()?.card }
        #expect(cards.allSatisfy { $0 == TestEvent.Notice.card(2) })
    }

    @Test func `of two descriptions of one run the same one counts in any order`() throws {
        let classes = try each([event(.description(0)), event(.description(1))]) { $0.jobDescriptions() }
        #expect(Set(classes.map { Set($0) }).count == 1 && classes[0].count == 1)
    }

    @Test func `jobs whose names differ by their bytes alone are two`() throws {
        let names = ["caf\u{e9}", "cafe\u{301}"]
        let events = [event(.description(0), job: names[0]), event(.description(1), job: names[1])]
        for described in try each(events, { $0.jobDescriptions() }) {
            #expect(Set(described.map { Array($0.job.utf8) }) == Set(names.map { Array($0.utf8) }))
            #expect(Set(described.map(\.resourceClass)) == ["medium", "large"])
        }
    }
}
