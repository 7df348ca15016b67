/// A call that was let out.
struct CallTicket: Hashable {
    /// Counted from 1 in the order of the starts.
    let number: Int
    /// Calls that had ended when this one was let out.
    let endedBefore: Int
    let isProbe: Bool
}

/// What is known of CircleCI's limits, and how many calls they still allow.
///
/// Never too many, as far as answers can tell: an answer's count may lack each call that was under way when it was
/// counted, so all of them are taken off; of two answers the one whose call was let out later counts; when a window
/// ends, calls whose count is unknown are taken off the next one; ends are taken to be a second later than stated, as
/// they are stated in whole seconds.
struct RateWindows {
    /// Stated ends may be rounded down.
    static let margin = Duration.seconds(1)
    /// A limit that no answer names any more is forgotten after so many of its windows.
    static let silentWindows = 3

    private struct Window {
        var limit: Int?
        /// The least that the limit can be, from what remained.
        var leastLimit: Int
        /// What the limit still allows. Below zero where calls under way may have passed it.
        var remaining: Int
        var ends: ContinuousClock.Instant
        /// Whether the end is a guess, because no answer has told of the window yet.
        var isAssumed = false
        /// Of the call whose answer is the newest.
        var newest: Int
        /// Calls that ended since that one was let out, or since the window began, so that it may not count them.
        var untold = 0
        /// Windows in a row in which calls ended and none told of it.
        var silent = 0

        func reserve(_ wanted: Int) -> Int {
            limit.map { min(wanted, $0 / 4) } ?? wanted
        }
    }

    private var windows: [RateWindowName: Window] = [:]
    private var started = 0
    private var ended = 0

    var running: Int { started - ended }

    mutating func start(isProbe: Bool) -> CallTicket {
        started += 1
        for name in windows.keys { windows[name]?.remaining -= 1 }
        return CallTicket(number: started, endedBefore: ended, isProbe: isProbe)
    }

    /// - Parameter told: By the answer; empty where none came.
    mutating func end(_ ticket: CallTicket, told: [RateWindowName: RateNumbers], at now: ContinuousClock.Instant) {
        roll(at: now)
        ended += 1
        for name in windows.keys where told[name] == nil { windows[name]?.untold += 1 }
        // Calls that CircleCI may have counted after this one.
        let uncounted = started - ticket.endedBefore - 1
        for (name, numbers) in told {
            if let window = windows[name], window.newest > ticket.number {
                windows[name]?.untold += 1
                continue
            }
            windows[name] = updated(windows[name], name, numbers, uncounted, ticket.number, now)
        }
    }

    private func updated(
        _ old: Window?,
        _ name: RateWindowName,
        _ numbers: RateNumbers,
        _ uncounted: Int,
        _ number: Int,
        _ now: ContinuousClock.Instant
    ) -> Window? {
        let limit = numbers.limit ?? old?.limit
        let remaining: Int
        if let told = numbers.remaining {
            remaining = min(told, limit ?? told) - uncounted
        } else if let old {
            remaining = old.remaining
        } else {
            guard let limit else { return nil }
            remaining = limit - 1 - uncounted
        }
        var ends = now + (numbers.reset ?? name.length) + Self.margin
        if numbers.remaining == nil, numbers.reset == nil, let old { ends = old.ends }
        return Window(
            limit: limit,
            leastLimit: max(old?.leastLimit ?? 1, (numbers.remaining ?? 0) + 1),
            remaining: remaining,
            ends: ends,
            newest: number,
            untold: numbers.remaining == nil ? old?.untold ?? 0 : uncounted - running
        )
    }

    /// When a call may leave that lets `reserve` calls remain in every window; nil where it may at once.
    mutating func earliestStart(reserve: Int, at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        roll(at: now)
        return windows.values.filter { $0.remaining <= $0.reserve(reserve) }.map(\.ends).max()
    }

    /// Puts the next window in the place of each that has ended.
    private mutating func roll(at now: ContinuousClock.Instant) {
        for (name, window) in windows where window.ends <= now {
            let silent = window.silent + (window.isAssumed && window.untold > 0 ? 1 : 0)
            // CircleCI has stopped counting so.
            if silent == Self.silentWindows {
                windows[name] = nil
                continue
            }
            let limit = window.limit ?? window.leastLimit
            windows[name] = Window(
                limit: limit,
                leastLimit: window.leastLimit,
                remaining: limit - running - window.untold,
                ends: now + name.length + Self.margin,
                isAssumed: true,
                newest: window.newest,
                silent: silent
            )
        }
    }
}
