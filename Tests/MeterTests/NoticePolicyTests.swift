import CircleCI
import Testing
import Wire

@testable import Meter

@Suite("What people are told")
struct NoticePolicyTests {
    private let start = Timestamp("2026-11-22T08:00:00Z")!

    private func told(
        _ steps: [(seconds: Int64, observation: ConnectionObservation)],
        expires: Day? = nil
    ) -> [String] {
        var health = ConnectionHealth(hasKey: true, keyExpires: expires, at: start)
        var policy = NoticePolicy(restored: nil, at: start)
        var told: [String] = []
        for step in steps {
            let now = start.adding(wholeSeconds: step.seconds)
            health.observe(step.observation, at: now)
            for notice in policy.notices(of: "acme", health: health, at: now) {
                told.append("\(step.seconds) \(notice.kind.rawValue)")
            }
        }
        return told
    }

    private let outage = ConnectionObservation.callFailed(CircleCIError(.timedOut, "made up"))

    @Test("An outage is told when it has lasted half an hour, and so is its end; a short one is not told at all")
    func outages() {
        #expect(
            told([
                (0, outage), (1, outage), (2, outage), (1799, .timePassed), (1800, .timePassed), (1900, outage),
                (2000, .callSucceeded), (2100, .timePassed),
            ]) == ["1800 unreachable", "2000 recovered"]
        )
        #expect(told([(0, outage), (1, outage), (2, outage), (1000, .callSucceeded), (9000, .timePassed)]).isEmpty)
    }

    @Test("A key that runs out is told, step by step, though a worse condition holds all the while")
    func expiryInTheShadow() {
        let day: Int64 = 86_400
        #expect(
            told(
                [
                    (0, .projectLost("p")), (5 * day, .timePassed), (6 * day, .timePassed), (7 * day, .callSucceeded),
                    (8 * day, .timePassed), (14 * day, .timePassed),
                ],
                expires: Day("2026-12-07")
            ) == ["0 expiring", "0 limited", "\(8 * day) expiring", "\(14 * day) expiring"]
        )
    }

    @Test("A dead key is told once, and that it lives again once; rate limits are nobody's business")
    func deadKey() {
        #expect(
            told([
                (0, .callFailed(CircleCIError(.rateLimited, "made up"))), (1, .callSucceeded), (2, .keyRejected),
                (3, .keyRejected), (4, .keyRejected), (5, .keyReplaced(expires: nil)), (6, .keyAccepted),
            ]) == ["3 reconnect_required", "5 recovered"]
        )
    }

    @Test("What is better than before is no recovery while worse holds")
    func noFalseRecovery() {
        #expect(
            told([
                (0, .projectSilent("p", since: start)), (1, .projectLost("q")), (2, .projectHeard("p")),
                (3, .projectFound("q")),
            ]) == ["0 silent", "1 limited", "3 recovered"]
        )
    }

    @Test("What was told before a restart is not told again")
    func restart() {
        let said = ConnectionCondition(state: .limited, reason: "projects_gone", since: start)
        let health = ConnectionHealth(hasKey: true, keyExpires: nil, restored: said, at: start)
        var policy = NoticePolicy(restored: said, at: start)
        #expect(policy.notices(of: "acme", health: health, at: start).isEmpty)
    }
}
