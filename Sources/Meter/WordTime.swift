import Wire

extension Timestamp {
    /// The time under which the service says on the log what replaces its word of `last`: `now`, or right behind that
    /// word. The latest word counts, whatever the clock does meanwhile, and the log keeps milliseconds.
    static func ofWord(at now: Timestamp, after last: Timestamp?) -> Timestamp {
        #if SABOTAGE
            if Sabotage.plants("word-by-clock-alone") { return now }
        #endif
        let now = Timestamp(microseconds: now.milliseconds * 1000)
        return last.map { max(now, $0.adding(seconds: 0.001)) } ?? now
    }
}
