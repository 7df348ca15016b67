import CircleCI
import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("The countdown of a key")
struct ConnectionExpiryTests {
    @Test(
        "Each step has its reason, and the day itself is the last",
        arguments: [
            (-31, nil), (-30, "key_expires_in_30_days"), (-16, "key_expires_in_30_days"),
            (-15, "key_expires_in_15_days"), (-8, "key_expires_in_15_days"), (-7, "key_expires_in_7_days"),
            (-2, "key_expires_in_7_days"), (-1, "key_expires_in_1_days"), (0, "key_expires_in_1_days"),
            (1, "key_expired_by_date"), (400, "key_expired_by_date"),
        ] as [(Int32, String?)]
    )
    func steps(_ offset: Int32, _ reason: String?) {
        let day = Day("2026-12-31")!
        let now = Timestamp(microseconds: Int64(day.daysSinceEpoch + offset) * 86_400_000_000 + 43_200_000_000)
        #expect(KeyExpiry(day).reason(at: now) == reason)
        #expect(KeyExpiry(day).daysLeft(at: now) == Int(-offset))
        var health = ConnectionHealth(hasKey: true, keyExpires: day, at: now)
        health.observe(.timePassed, at: now)
        #expect(health.condition.state == (reason == nil ? .connected : .expiring))
        // The date is typed by a person: only a 401 says that the key is dead.
        #expect(health.allowsCalls)
        health.observe(.keyRejected, at: now)
        health.observe(.keyRejected, at: now)
        #expect(health.condition.state == .reconnectRequired)
        #expect(health.condition.reason == (offset >= 0 ? "expired" : "rejected"))
        #expect(health.warnings.isEmpty, "the date of a dead key plays no part")
    }

    @Test("Days that pass change the reason, and another key ends it")
    func countdown() {
        let day = Day("2026-12-31")!
        func noon(_ offset: Int64) -> Timestamp {
            Timestamp(microseconds: (Int64(day.daysSinceEpoch) + offset) * 86_400_000_000 + 43_200_000_000)
        }
        var health = ConnectionHealth(hasKey: true, keyExpires: day, at: noon(-40))
        var changes: [String] = []
        for offset in -40...2 as ClosedRange<Int64> {
            let before = health.condition
            health.observe(.timePassed, at: noon(offset))
            if !health.condition.isSame(as: before) { changes.append("\(offset) \(health.condition.reason)") }
        }
        #expect(
            changes == [
                "-30 key_expires_in_30_days", "-15 key_expires_in_15_days", "-7 key_expires_in_7_days",
                "-1 key_expires_in_1_days", "1 key_expired_by_date",
            ]
        )
        health.observe(.keyReplaced(expires: Day("2027-12-31")), at: noon(2))
        #expect(health.condition.state == .connected)
    }
}

@Suite("Any sequence of observations")
struct ConnectionHealthLawTests {
    private static func random(
        _ generator: inout SeededGenerator,
        withoutRejections: Bool = false
    ) -> ConnectionObservation {
        let codes: [CircleCIError.Code] = [
            .unreachable, .timedOut, .unauthorized, .forbidden, .notFound, .rateLimited, .refused, .serverError,
            .unexpectedAnswer, .cancelled, .invalidURL,
        ]
        let project = "p\(Int.random(in: 0..<3, using: &generator))"
        switch Int.random(in: 0..<(withoutRejections ? 12 : 15), using: &generator) {
        case 0: return .keyAccepted
        case 1: return .callSucceeded
        case 2...4: return .callFailed(CircleCIError(codes.randomElement(using: &generator)!, "made up"))
        case 5: return .projectLost(project)
        case 6: return .projectFound(project)
        case 7:
            let since = Timestamp(microseconds: Int64.random(in: 0..<1_000_000_000, using: &generator))
            return .projectSilent(project, since: since)
        case 8: return .projectHeard(project)
        case 9: return .keyReplaced(expires: Bool.random(using: &generator) ? nil : Day("2026-12-10"))
        case 10: return .timePassed
        case 11: return .projectsListed([project])
        default: return .keyRejected
        }
    }

    @Test("Keeps the laws", arguments: 0..<200 as Range<UInt64>)
    func laws(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let withoutRejections = round % 2 == 0
        var now = Timestamp("2026-10-01T00:00:00Z")!
        var health = ConnectionHealth(hasKey: round % 5 != 0, keyExpires: Day("2026-12-01"), at: now)
        var twin = health
        var rejections = 0
        for _ in 0..<200 {
            let seconds = Int64.random(in: 0..<200_000, using: &generator)
            now = Timestamp(microseconds: now.microseconds + seconds * 1_000_000)
            let observation = Self.random(&generator, withoutRejections: withoutRejections)
            switch observation {
            case .keyRejected: rejections += health.hasKey ? 1 : 0
            case .keyAccepted, .keyReplaced: rejections = 0
            default: break
            }
            let before = health.all
            health.observe(observation, at: now)
            twin.observe(observation, at: now)
            #expect(health.all == twin.all, "the same observations, the same condition; seed \(seed)")
            #expect((health.condition.state == .reconnectRequired) == (rejections >= 2), "seed \(seed)")
            #expect(health.condition.state == health.all.map(\.state).max(), "seed \(seed)")
            for condition in health.all {
                if let same = before.first(where: { $0.isSame(as: condition) }) {
                    #expect(same.since == condition.since, "since moved, seed \(seed)")
                }
                #expect(condition.since <= now || condition.state == .silent, "seed \(seed)")
            }
            // What is said can be said again after a restart.
            let restarted = ConnectionHealth(
                hasKey: health.hasKey,
                keyExpires: health.keyExpiry?.day,
                restored: health.condition,
                at: now
            )
            #expect(restarted.condition == health.condition, "seed \(seed)")
        }
        health.observe(.keyReplaced(expires: nil), at: now)
        health.observe(.keyAccepted, at: now)
        #expect(health.condition.state != .reconnectRequired, "seed \(seed)")
        #expect(health.allowsCalls)
    }
}
