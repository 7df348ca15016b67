import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

/// What is stored of histograms, reconciliations and runs is read back, and anything else is refused.
struct StoredFormTests {
    @Test(arguments: 0..<40) func `a histogram survives the way there and back, and cut it is damaged`(_ round: UInt64)
        throws
    {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        var histogram = Histogram()
        for _ in 0..<Int.random(in: 0..<40, using: &generator) {
            let shift = Int.random(in: 0..<63, using: &generator)
            histogram.add(milliseconds: Int.random(in: 0 ... .max, using: &generator) >> shift, count: 3)
        }
        let encoded = histogram.encoded
        #expect(try Histogram(encoded: encoded) == histogram, "seed \(seed)")
        #expect(histogram.count == histogram.buckets.reduce(0) { $0 + $1.count })
        if encoded.count > 1 {
            #expect(throws: UsageError.self, "seed \(seed)") { try Histogram(encoded: Array(encoded.dropLast())) }
        }
        #expect(throws: UsageError.self) { try Histogram(encoded: encoded + [0xff, 0xff, 0xff, 0x7f, 1]) }
    }

    @Test func `of nothing every percentile is 0, and histograms add up`() {
        var first = Histogram()
        #expect(first.percentile(50) == 0 && first.isEmpty)
        var second = Histogram()
        first.add(milliseconds: 10)
        second.add(milliseconds: 10)
        second.add(milliseconds: 5000, count: 2)
        first.add(second)
        #expect(first.count == 4 && first.percentile(50) <= 5000 && first.percentile(50) >= 10)
    }

    @Test func `a reconciliation survives the way there and back, and cut anywhere it is damaged`() throws {
        let pipeline = Reconciliation.OpenPipeline(id: "p\u{e9}", number: 7, createdAt: Timestamp(microseconds: -5))
        let item = Reconciliation.MissingItem(
            kind: "workflow",
            id: "w",
            pipeline: pipeline,
            day: Day("1969-12-31")!,
            reason: "not_found"
        )
        let reconciliation = Reconciliation(
            through: Timestamp(microseconds: 1_795_335_368_123_000),
            open: [pipeline, pipeline],
            missing: [item],
            refilled: ["1:200"]
        )
        let encoded = reconciliation.encoded
        #expect(try Reconciliation(encoded: encoded) == reconciliation)
        for count in 0..<encoded.count {
            #expect(throws: UsageError.self) { try Reconciliation(encoded: Array(encoded[..<count])) }
        }
    }

    /// What is stored of a day's runs, as a later pass and a later export ask for it.
    @Test func `stored runs tell which jobs ran, and which rows of an export are new`() throws {
        func run(
            _ id: String,
            number: Int64?,
            settled: TestEvent.Settled?,
            startedAt: Int64? = RandomEvents.firstInstant
        )
            -> TestEvent
        {
            TestEvent(
                kind: .job,
                source: settled == nil ? .webhook : .export,
                connection: "acme",
                id: "e-\(id)",
                run: id,
                pipelineCreatedAt: RandomEvents.firstInstant,
                happenedAt: RandomEvents.firstInstant,
                startedAt: startedAt,
                stoppedAt: startedAt.map { $0 + 60_000_000 },
                status: "success",
                projectID: "p",
                slug: "github/o/r",
                workflow: "build",
                job: "test",
                number: number,
                settled: settled
            )
        }
        let settled = TestEvent.Settled(content: 1, exportedAt: 500)
        let events = [
            run("a", number: 3, settled: nil), run("b", number: nil, settled: nil),
            run("c", number: 4, settled: settled),
            run("d", number: 5, settled: nil, startedAt: nil),
        ]
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        let day = Day("2026-01-01")!
        let pieces = tables.partition(connection: "acme", day: day)

        let sightings = try JobSighting.read(pieces, day: day)
        let started = Timestamp(microseconds: RandomEvents.firstInstant)
        let expected = JobSighting(project: "p", workflow: "build", job: "test", number: 3, startedAt: started)
        #expect(sightings == [expected], "one without a number, a settled one and one without a start are left out")

        var known = try KnownSettlements(pieces, day: day)
        #expect(known.count == 1 && KnownSettlements().count == 0)
        let (c, content) = (Identity.of("c"), settled.contentID)
        #expect(known.see(job: c, contentID: content, exportedAt: Timestamp(microseconds: 500)) == .none)
        #expect(known.see(job: c, contentID: content, exportedAt: Timestamp(microseconds: 501)) == .confirmation)
        #expect(known.see(job: c, contentID: content, exportedAt: Timestamp(microseconds: 501)) == .none)
        #expect(known.see(job: c, contentID: 9, exportedAt: Timestamp(microseconds: 501)) == .correction)
        #expect(known.see(job: 77, contentID: 9, exportedAt: Timestamp(microseconds: 1)) == .settlement)
    }
}
