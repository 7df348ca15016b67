import Testing
import Usage
import Wire

/// Machines that the rate card says nothing of cost nothing until they are settled, and are named.
struct UnratedMachineTests {
    private static let start = RandomEvents.firstInstant

    private func event(
        _ run: String,
        job: String,
        day: Int64 = 0,
        settled: TestEvent.Settled? = nil,
        notice: TestEvent.Notice? = nil
    ) -> TestEvent {
        let started = UnratedMachineTests.start + day * 24 * RandomEvents.hour
        return TestEvent(
            kind: .job,
            source: notice?.source ?? (settled == nil ? .webhook : .export),
            connection: "acme",
            id: "event-\(run)",
            run: run,
            pipelineCreatedAt: started,
            happenedAt: started + 60_000_000,
            startedAt: started,
            stoppedAt: started + 60_000_000,
            status: "success",
            projectID: "00000000-0000-4000-8000-000000000001",
            slug: "github/o/r",
            workflow: "build",
            job: job,
            settled: settled,
            notice: notice
        )
    }

    private func snapshot(_ events: [TestEvent]) throws -> Snapshot {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        return tables.snapshot(position: nil)
    }

    @Test func `a self-hosted runner costs nothing, and is named with its runs and days`() throws {
        let provisional = UsageTable.jobs.valueColumns.count
        let snapshot = try snapshot([
            event("run-1", job: "own"), event("run-2", job: "own", day: 3), event("run-3", job: "hired"),
            // acme/pool on a runner.
            event("", job: "own", notice: .description(2)),
        ])
        for row in snapshot[.jobs] {
            #expect(row.tally[provisional] == (row.key.texts[2] == "own" ? 0 : 10_000), "\(row.key.texts)")
        }
        let unrated = try #require(snapshot.unratedMachines.first)
        #expect(snapshot.unratedMachines.count == 1)
        #expect(unrated.executor == "runner" && unrated.resourceClass == "acme/pool")
        #expect(unrated.runs == 2 && unrated.provisionalRuns == 2 && unrated.durationMilliseconds == 120_000)
        let first = Timestamp(microseconds: UnratedMachineTests.start).day
        #expect(unrated.firstDay == first && unrated.lastDay.daysSinceEpoch == first.daysSinceEpoch + 3)
    }

    @Test func `what runs on a machine with a rate, or on none, is not named`() throws {
        // On docker medium, of which the built-in card has a rate.
        let settled = TestEvent.Settled(content: 0, exportedAt: UnratedMachineTests.start + 1)
        let rated = try snapshot([event("run-1", job: "test", settled: settled), event("run-2", job: "test")])
        #expect(rated.unratedMachines.isEmpty)
        let sum = rated[.jobs].reduce(0) {
            $0 + $1.tally[UsageTable.jobs.valueColumns.firstIndex(of: "credits_settled")!]
        }
        #expect(sum == 10_000)
        // Nothing ran on a class without a name.
        let nameless = TestEvent.Settled(content: 2, exportedAt: UnratedMachineTests.start + 1)
        #expect(try snapshot([event("run-1", job: "test", settled: nameless)]).unratedMachines.isEmpty)
    }
}
