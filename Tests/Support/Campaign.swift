import Glibc
import Synchronization

/// A promise tried again and again: a few rounds in the suite, as many as `scripts/prove` asks for in the long form.
///
/// The long form is asked for by the environment: `CIRCLEMETER_CAMPAIGN=NAME` with `CIRCLEMETER_CAMPAIGN_COUNT=N`
/// rounds, or `CIRCLEMETER_CAMPAIGN_MINUTES=N`; other campaigns keep their short form then. A round has one seed, and
/// `CIRCLEMETER_TEST_SEED=SEED CIRCLEMETER_CAMPAIGN=NAME CIRCLEMETER_CAMPAIGN_COUNT=1` repeats it alone.
/// `CIRCLEMETER_CAMPAIGN_REPORT=FILE`: the figures are appended there, a JSON object on a line of its own.
public final class Campaign: Sendable {
    private struct State {
        var next: UInt64 = 0
        var figures: [(what: String, count: Int)] = []
        var shownAt: ContinuousClock.Instant?
    }

    public let name: String
    private let unit: String
    private let maximumCount: Int?
    private let deadline: ContinuousClock.Instant?
    private let startedAt: ContinuousClock.Instant
    private let isLong: Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - name: What `scripts/prove` calls it.
    ///   - unit: What a round is, in the plural: `seeds`, `kills`.
    ///   - short: Rounds in the suite.
    public init(_ name: String, unit: String, short: Int) {
        let now = ContinuousClock.now
        startedAt = now
        self.name = name
        self.unit = unit
        isLong = Campaign.isAskedFor(name)
        let minutes = isLong ? Campaign.variable("CIRCLEMETER_CAMPAIGN_MINUTES").flatMap { Double($0) } : nil
        let count = isLong ? Campaign.variable("CIRCLEMETER_CAMPAIGN_COUNT").flatMap { Int($0) } : nil
        deadline = minutes.map { now + .seconds($0 * 60) }
        maximumCount = count ?? (minutes == nil ? short : nil)
    }

    /// Whether the long form of this campaign is asked for.
    public static func isAskedFor(_ name: String) -> Bool { variable("CIRCLEMETER_CAMPAIGN") == name }

    /// The seed of the next round; nil when there were enough. May be asked from several tasks at once.
    public func nextSeed() -> UInt64? {
        let round: UInt64? = state.withLock { state in
            if let maximumCount, state.next >= UInt64(maximumCount) { return nil }
            if let deadline, ContinuousClock.now >= deadline { return nil }
            state.next += 1
            return state.next - 1
        }
        guard let round else { return nil }
        showProgress(round)
        return TestSeed.of(round: round)
    }

    /// Counts something that was tried: `faults`, `crash states`.
    public func count(_ what: String, _ count: Int = 1) {
        state.withLock { state in
            if let index = state.figures.firstIndex(where: { $0.what == what }) {
                state.figures[index].count += count
            } else {
                state.figures.append((what, count))
            }
        }
    }

    /// Prints what was tried; in the long form the report has it too. Once, at the end.
    public func finish() {
        let (rounds, figures) = state.withLock { ($0.next, $0.figures) }
        let seconds = Double((ContinuousClock.now - startedAt) / .milliseconds(1)) / 1_000
        let all = [(unit, Int(rounds))] + figures.map { ($0.what, $0.count) }
        print("campaign \(name): \(all.map { "\($0.1) \($0.0)" }.joined(separator: ", "))")
        guard isLong, let path = Campaign.variable("CIRCLEMETER_CAMPAIGN_REPORT") else { return }
        let members = all.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
        let rest = "\"seconds\":\(seconds),\"seed\":\(TestSeed.of(round: 0))"
        guard let file = fopen(path, "a") else { return }
        fputs("{\"campaign\":\"\(name)\",\"tried\":{\(members)},\(rest)}\n", file)
        fclose(file)
    }

    private func showProgress(_ round: UInt64) {
        guard isLong else { return }
        let now = ContinuousClock.now
        let isDue = state.withLock { state in
            if let shownAt = state.shownAt, now - shownAt < .seconds(isatty(2) == 1 ? 1 : 15) { return false }
            state.shownAt = now
            return true
        }
        guard isDue else { return }
        let seconds = Int((now - startedAt) / .seconds(1))
        var line = "\(name): \(round)\(maximumCount.map { " of \($0)" } ?? "") \(unit), \(seconds) s"
        if let maximumCount, round > 0 { line += ", \(seconds * (maximumCount - Int(round)) / Int(round)) s left" }
        if let deadline { line += ", \(max(0, Int((deadline - now) / .seconds(1)))) s left" }
        line = isatty(2) == 1 ? "\r\u{1B}[K\(line)" : "\(line)\n"
        _ = line.withCString { write(2, $0, strlen($0)) }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
