import CircleCI
import Testing
import Wire

@testable import Meter

private typealias State = ConnectionCondition.State

private func error(_ code: CircleCIError.Code) -> CircleCIError { CircleCIError(code, "made up") }

@Suite("The state of a connection")
struct ConnectionHealthTests {
    private static let start = Timestamp("2026-11-22T08:00:00Z")!

    private static func instant(_ seconds: Int64) -> Timestamp {
        Timestamp(microseconds: start.microseconds + seconds * 1_000_000)
    }

    /// A health in each state, and how it got there.
    private static func health(in state: State, expires: Day? = nil) -> ConnectionHealth {
        let expires = state == .expiring ? Day("2026-12-01")! : expires
        var health = ConnectionHealth(hasKey: true, keyExpires: expires, at: start)
        let observations: [ConnectionObservation] =
            switch state {
            case .connected, .expiring: []
            case .silent: [.projectSilent("github/acme/web", since: instant(-600))]
            case .limited: [.projectLost("github/acme/web")]
            case .rateLimited: [.callFailed(error(.rateLimited))]
            case .unreachable: Array(repeating: .callFailed(error(.timedOut)), count: 3)
            case .reconnectRequired: [.keyRejected, .keyRejected]
            }
        health.observe(.keyAccepted, at: start)
        for observation in observations { health.observe(observation, at: start) }
        return health
    }

    /// What each observation makes of each state; the observations are made once, a minute later.
    private static let table: [(name: String, observation: ConnectionObservation, results: [State])] = [
        // From:           connected, expiring, silent, limited, rate_limited, unreachable, reconnect_required
        (
            "keyAccepted", .keyAccepted,
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .connected]
        ),
        (
            "keyRejected", .keyRejected,
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "callSucceeded", .callSucceeded,
            [.connected, .expiring, .silent, .limited, .connected, .connected, .reconnectRequired]
        ),
        (
            "callFailed(429)", .callFailed(error(.rateLimited)),
            [.rateLimited, .rateLimited, .rateLimited, .rateLimited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "callFailed(5xx)", .callFailed(error(.serverError)),
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "callFailed(401)", .callFailed(error(.unauthorized)),
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "projectLost", .projectLost("github/acme/api"),
            [.limited, .limited, .limited, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "projectFound", .projectFound("github/acme/web"),
            [.connected, .expiring, .silent, .connected, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "projectSilent", .projectSilent("github/acme/api", since: start),
            [.silent, .silent, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "projectHeard", .projectHeard("github/acme/web"),
            [.connected, .expiring, .connected, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "projectsListed", .projectsListed(["github/acme/api"]),
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
        (
            "keyReplaced", .keyReplaced(expires: nil),
            [.connected, .connected, .silent, .connected, .connected, .unreachable, .connected]
        ),
        (
            "timePassed", .timePassed,
            [.connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired]
        ),
    ]

    @Test("Every observation in every state leads where the table says")
    func transitions() {
        let states: [State] = [
            .connected, .expiring, .silent, .limited, .rateLimited, .unreachable, .reconnectRequired,
        ]
        for (name, observation, results) in ConnectionHealthTests.table {
            for (state, expected) in zip(states, results) {
                var health = ConnectionHealthTests.health(in: state)
                #expect(health.condition.state == state)
                let before = health.condition
                health.observe(observation, at: ConnectionHealthTests.instant(60))
                #expect(health.condition.state == expected, "\(name) in \(state)")
                if health.condition.isSame(as: before) {
                    #expect(health.condition.since == before.since, "\(name) in \(state) moves since")
                }
            }
        }
    }

    @Test("The reasons are the words of the contract")
    func reasons() {
        let expected: [(State, String)] = [
            (.connected, "key_accepted"), (.expiring, "key_expires_in_15_days"), (.silent, "webhooks_missing"),
            (.limited, "projects_gone"), (.rateLimited, "too_many_calls"), (.unreachable, "timed_out"),
            (.reconnectRequired, "rejected"),
        ]
        for (state, reason) in expected {
            let condition = ConnectionHealthTests.health(in: state).condition
            #expect(condition.reason == reason)
            #expect(!condition.message.isEmpty)
        }
        #expect(
            State.allCases.map(\.rawValue) == [
                "connected", "expiring", "silent", "limited", "rate_limited", "unreachable", "reconnect_required",
            ]
        )
    }

    @Test("One 401 of /me only asks for another; an accept between makes the next one the first again")
    func confirmation() {
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, at: Self.start)
        health.observe(.keyAccepted, at: Self.start)
        #expect(!health.needsConfirmation)
        for round in 0..<3 {
            health.observe(.keyRejected, at: Self.instant(Int64(round) * 10 + 1))
            #expect(health.needsConfirmation)
            #expect(health.allowsCalls)
            #expect(health.condition.state == .connected)
            health.observe(.callSucceeded, at: Self.instant(Int64(round) * 10 + 2))
            #expect(health.needsConfirmation, "a public project answers a dead key, too")
            health.observe(.keyAccepted, at: Self.instant(Int64(round) * 10 + 3))
            #expect(!health.needsConfirmation)
        }
        health.observe(.keyRejected, at: Self.instant(100))
        health.observe(.keyRejected, at: Self.instant(105))
        #expect(health.condition.state == .reconnectRequired)
        #expect(health.condition.since == Self.instant(100), "it began with the first of the two")
        #expect(!health.allowsCalls)
    }

    @Test("A 401 of another call asks for /me and is nothing else")
    func unauthorizedElsewhere() {
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, at: Self.start)
        for _ in 0..<10 { health.observe(.callFailed(error(.unauthorized)), at: Self.start) }
        #expect(health.condition.state == .connected)
        #expect(health.needsConfirmation)
        health.observe(.keyAccepted, at: Self.start)
        #expect(!health.needsConfirmation)
    }

    @Test(
        "Trouble shows with the third failure in a row, with its reason, since the first",
        arguments: [
            (CircleCIError.Code.unreachable, "network"), (.timedOut, "timed_out"), (.serverError, "server_error"),
            (.unexpectedAnswer, "unexpected_answer"), (.forbidden, "forbidden"), (.invalidURL, "invalid_url"),
        ]
    )
    func trouble(_ code: CircleCIError.Code, _ reason: String) {
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, at: Self.start)
        for round in 1...2 {
            health.observe(.callFailed(error(code)), at: Self.instant(Int64(round)))
            health.observe(.callFailed(error(code)), at: Self.instant(Int64(round)))
            #expect(health.condition.state == .connected)
            health.observe(.callSucceeded, at: Self.instant(Int64(round)))
        }
        for round in 10...12 { health.observe(.callFailed(error(code)), at: Self.instant(Int64(round))) }
        #expect(health.condition == .init(state: .unreachable, reason: reason, since: Self.instant(10)))
        #expect(health.allowsCalls)
        health.observe(.callSucceeded, at: Self.instant(20))
        #expect(health.condition.state == .connected)
        #expect(health.condition.since == Self.instant(20))
    }

    @Test("The reason of an outage changes only with the third failure of another kind in a row")
    func steadyReason() {
        var health = Self.health(in: .unreachable)
        for _ in 0..<5 {
            health.observe(.callFailed(error(.serverError)), at: Self.instant(1))
            health.observe(.callFailed(error(.serverError)), at: Self.instant(2))
            health.observe(.callFailed(error(.timedOut)), at: Self.instant(3))
        }
        #expect(health.condition.reason == "timed_out")
        for second in 10...12 { health.observe(.callFailed(error(.serverError)), at: Self.instant(Int64(second))) }
        #expect(health.condition.reason == "server_error")
        #expect(health.condition.since == Self.instant(10))
    }

    @Test("Answers about one thing, and calls given up, are no trouble")
    func noTrouble() {
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, at: Self.start)
        for code in [CircleCIError.Code.notFound, .cancelled, .refused] {
            for _ in 0..<10 { health.observe(.callFailed(error(code)), at: Self.start) }
        }
        #expect(health.condition.state == .connected)
        #expect(!health.needsConfirmation)
    }

    @Test("A dead key is tried again every six hours, and heals by itself")
    func probe() {
        var health = Self.health(in: .reconnectRequired)
        let hour: Int64 = 3600
        #expect(!health.mayProbe(at: Self.instant(6 * hour - 1)))
        #expect(health.mayProbe(at: Self.instant(6 * hour)))
        health.observe(.keyRejected, at: Self.instant(6 * hour))
        #expect(!health.mayProbe(at: Self.instant(12 * hour - 1)))
        #expect(health.mayProbe(at: Self.instant(12 * hour)))
        // The clock was ahead, and was set right.
        #expect(health.mayProbe(at: Self.instant(6 * hour - 1)))
        #expect(health.condition.since == Self.start)
        health.observe(.keyAccepted, at: Self.instant(12 * hour))
        #expect(health.allowsCalls)
        #expect(health.condition == .init(state: .connected, reason: "key_accepted", since: Self.instant(12 * hour)))
        #expect(!health.mayProbe(at: Self.instant(100 * hour)))
    }

    @Test("A project that is no longer the connection's under that name is neither lost nor silent after the pass")
    func renamedProject() {
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, at: Self.start)
        health.observe(.projectLost("github/acme/old"), at: Self.instant(1))
        health.observe(.projectSilent("github/acme/older", since: Self.start), at: Self.instant(1))
        health.observe(.projectLost("github/acme/gone"), at: Self.instant(1))
        health.observe(.projectsListed(["github/acme/new", "github/acme/gone"]), at: Self.instant(2))
        health.observe(.callSucceeded, at: Self.instant(2))
        #expect(health.all.map(\.state) == [.limited] && health.lostProjects == ["github/acme/gone"])
        health.observe(.projectsListed(["github/acme/new"]), at: Self.instant(3))
        health.observe(.callSucceeded, at: Self.instant(3))
        #expect(health.all.map(\.state) == [.connected])
    }

    @Test("Without a key only silence and quiet can be seen")
    func webhooksOnly() {
        var health = ConnectionHealth(hasKey: false, keyExpires: Day("2026-11-01"), at: Self.start)
        let observations: [ConnectionObservation] = [
            .keyRejected, .keyRejected, .callFailed(error(.rateLimited)), .projectLost("a"), .keyAccepted,
        ]
        for observation in observations { health.observe(observation, at: Self.start) }
        #expect(health.condition == .init(state: .connected, reason: "webhooks_only", since: Self.start))
        #expect(!health.allowsCalls)
        health.observe(.projectSilent("a", since: Self.instant(-5)), at: Self.instant(1))
        #expect(health.condition == .init(state: .silent, reason: "unusually_quiet", since: Self.instant(-5)))
        health.observe(.projectHeard("a"), at: Self.instant(2))
        #expect(health.condition == .init(state: .connected, reason: "webhooks_only", since: Self.instant(2)))
    }

    @Test("All that holds is said, the most severe first; what is left keeps its beginning")
    func warnings() {
        var health = ConnectionHealth(hasKey: true, keyExpires: Day("2026-11-25"), at: Self.start)
        health.observe(.projectSilent("a", since: Self.instant(5)), at: Self.instant(10))
        health.observe(.projectLost("b"), at: Self.instant(20))
        health.observe(.callFailed(error(.rateLimited)), at: Self.instant(30))
        #expect(health.condition.state == .rateLimited)
        #expect(health.warnings.map(\.state) == [.limited, .silent, .expiring])
        health.observe(.callSucceeded, at: Self.instant(40))
        #expect(health.condition == .init(state: .limited, reason: "projects_gone", since: Self.instant(20)))
        #expect(health.lostProjects == ["b"])
        #expect(health.silentProjects.keys.sorted() == ["a"])
    }

    @Test("What was said before a restart goes on, with its beginning")
    func restoring() {
        for state in State.allCases where state != .connected {
            let said = Self.health(in: state).condition
            let expires: Day? = state == .expiring ? Day("2026-12-01") : nil
            var health = ConnectionHealth(hasKey: true, keyExpires: expires, restored: said, at: Self.instant(1000))
            #expect(health.condition == said, "\(state)")
            #expect(health.allowsCalls == (state != .reconnectRequired))
            if state == .silent || state == .limited {
                // Other projects that are well say nothing of the one that was not.
                health.observe(.projectFound("github/acme/other"), at: Self.instant(1001))
                health.observe(.projectHeard("github/acme/other"), at: Self.instant(1001))
                #expect(health.condition == said)
            }
            health.observe(.keyAccepted, at: Self.instant(1002))
            health.observe(.callSucceeded, at: Self.instant(1003))
            #expect(health.condition.state == (state == .expiring ? .expiring : .connected), "\(state)")
        }
        let said = ConnectionCondition(state: .connected, reason: "key_accepted", since: Self.start)
        let health = ConnectionHealth(hasKey: true, keyExpires: nil, restored: said, at: Self.instant(1000))
        #expect(health.condition == said)
    }

    @Test("A restored silence goes on while a project is silent still")
    func restoredSilence() {
        let said = Self.health(in: .silent).condition
        var health = ConnectionHealth(hasKey: true, keyExpires: nil, restored: said, at: Self.instant(1000))
        health.observe(.projectSilent("github/acme/web", since: Self.instant(900)), at: Self.instant(1001))
        health.observe(.callSucceeded, at: Self.instant(1002))
        #expect(health.condition == said)
    }
}
