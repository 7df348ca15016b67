/// Why credits of a period differ from those of the period before: more runs, longer runs, or dearer minutes. The three
/// add up to the whole change.
struct CreditsChange: Equatable, Sendable {
    /// Thousandths of a credit, as all of these.
    var byRuns: Int
    var byDuration: Int
    var byRate: Int

    var total: Int { byRuns + byDuration + byRate }

    /// One factor after the other is put from its old value to its new one: runs, then the time of a run, then the credits
    /// of a minute. What has no past or no present is a change of runs.
    init(from before: UsageTotals, to after: UsageTotals) {
        let change = after.credits - before.credits
        guard before.runs > 0, after.runs > 0, before.durationMilliseconds > 0, after.durationMilliseconds > 0 else {
            self.init(byRuns: change, byDuration: 0, byRate: 0)
            return
        }
        // 128 bits: credits times runs times milliseconds is more than 64.
        let atOldRunTime = CreditsChange.divide(Int128(before.credits) * Int128(after.runs), Int128(before.runs))
        let atOldRate = CreditsChange.divide(
            Int128(before.credits) * Int128(after.durationMilliseconds),
            Int128(before.durationMilliseconds)
        )
        self.init(
            byRuns: atOldRunTime - before.credits,
            byDuration: atOldRate - atOldRunTime,
            byRate: after.credits - atOldRate
        )
    }

    init(byRuns: Int, byDuration: Int, byRate: Int) {
        self.byRuns = byRuns
        self.byDuration = byDuration
        self.byRate = byRate
    }

    /// In words: what most of the change comes from.
    var reason: String? {
        guard total != 0 else { return nil }
        let parts = [
            (byRuns, "more runs", "fewer runs"), (byDuration, "longer runs", "shorter runs"),
            (byRate, "dearer minutes", "cheaper minutes"),
        ]
        // Parts may have opposite signs; what counts is what goes the way of the whole.
        let main = parts.max { $0.0 * total.signum() < $1.0 * total.signum() }
        return main.map { $0.0 > 0 ? $0.1 : $0.2 }
    }

    private static func divide(_ dividend: Int128, _ divisor: Int128) -> Int {
        Int((dividend + (dividend < 0 ? -divisor : divisor) / 2) / divisor)
    }
}
