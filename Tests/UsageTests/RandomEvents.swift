import FakeCircleCI
import Usage
import Wire

/// Small worlds on purpose: few runs, few instants and few words, so that ties, renames, gaps and late versions are
/// the rule.
struct RandomEvents {
    static let firstInstant: Int64 = 1_767_225_600_000_000  // 2026-01-01T00:00:00Z
    static let hour: Int64 = 3_600_000_000
    static let statuses = [
        "success", "failed", "canceled", "unauthorized", "error", "timedout", "infrastructure_fail", "not_run",
        "terminated-unknown",
    ]

    var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &generator)! }
    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }

    mutating func maybe<Value>(_ percent: Int, _ value: (inout Self) -> Value) -> Value? {
        chance(percent) ? value(&self) : nil
    }

    mutating func events(count: Int, runCount: Int) -> [TestEvent] {
        struct RunIdentity {
            var kind: TestEvent.Kind
            var connection: String
            var id: String
            var pipelineCreatedAt: Int64
            var project: Int
        }
        let runs = (0..<runCount).map { number in
            RunIdentity(
                kind: chance(60) ? .job : .workflow,
                connection: pick(["acme", "globex"]),
                id: chance(80)
                    ? Identity.uuidString(UInt128.random(in: .min ... .max, using: &generator)) : "run-\(number)",
                pipelineCreatedAt: RandomEvents.firstInstant
                    + Int64.random(in: 0..<96, using: &generator) * RandomEvents.hour,
                project: Int.random(in: 0..<3, using: &generator)
            )
        }
        return (0..<count).map { _ in
            let run = pick(runs)
            let started = run.pipelineCreatedAt + Int64.random(in: 0..<30, using: &generator) * RandomEvents.hour
            let notices = [
                TestEvent.Notice.rateCard(0), .rateCard(1), .description(0), .description(1), .description(2),
            ]
            let notice = maybe(10) { $0.pick(notices) }
            let settled =
                run.kind == .job && notice == nil
                ? maybe(35) { random in
                    TestEvent.Settled(
                        content: Int.random(in: 0..<4, using: &random.generator),
                        exportedAt: run.pipelineCreatedAt
                            + Int64.random(in: 1..<5, using: &random.generator) * 24 * RandomEvents.hour,
                        isConfirmation: random.chance(25)
                    )
                } : nil
            let slugs = ["github/o/r\(run.project)", "gh/o/r\(run.project)", "github/o/renamed\(run.project)"]
            return TestEvent(
                kind: run.kind,
                source: notice?.source ?? (settled == nil ? pick([.webhook, .webhook, .api, .export]) : .export),
                connection: run.connection,
                id: "event-\(Int.random(in: 0..<6, using: &generator))",
                run: run.id,
                pipelineCreatedAt: run.pipelineCreatedAt,
                happenedAt: maybe(95) { started + Int64.random(in: 0..<4, using: &$0.generator) * 1_000_000 },
                startedAt: maybe(90) { _ in started },
                stoppedAt: maybe(90) { started + Int64.random(in: -2..<4, using: &$0.generator) * 1_500_000 },
                workflowCreatedAt: maybe(50) { _ in started - RandomEvents.hour },
                status: maybe(97) { $0.pick(RandomEvents.statuses) },
                projectID: maybe(75) { _ in "00000000-0000-4000-8000-00000000000\(run.project)" },
                slug: maybe(90) { $0.pick(slugs) },
                workflow: maybe(80) { $0.pick(["build", "deploy", "caf\u{e9}", "cafe\u{301}"]) },
                job: run.kind == .job ? maybe(90) { $0.pick(["test", "lint"]) } : nil,
                branch: maybe(70) { $0.pick(["main", "<b>\"x\"</b>"]) },
                email: maybe(60) { $0.pick(["Dev-1@Example.com", "dev-1@example.com", "dev-2@example.com"]) },
                actor: maybe(30) { $0.pick(["ann", "Bob"]) },
                pipelineNumber: maybe(80) { $0.pick([1, 2, 3]) },
                number: run.kind == .job ? maybe(90) { $0.pick([1, 2, 3, 5, 8, 13, 14]) } : nil,
                workflowID: run.kind == .job ? maybe(70) { $0.pick(["workflow-1", "workflow-2"]) } : nil,
                settled: settled,
                notice: notice
            )
        }
    }
}
