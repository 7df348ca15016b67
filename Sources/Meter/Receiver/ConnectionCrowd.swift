import NIOCore
import Synchronization

/// The connections of a listener, at most so many that wait for their client. One more pushes out whoever has been
/// waited for longest, so that clients who say little and stay keep nobody out. Who is being served stays.
final class ConnectionCrowd: Sendable {
    private struct Member {
        /// Since when the client is waited for; nil: it waits for us.
        var since: NIODeadline?
        let leave: @Sendable () -> Void
    }

    private struct State {
        var members: [Int: Member] = [:]
        var nextNumber = 0
    }

    private let maximumCount: Int
    private let state = Mutex(State())

    init(maximumCount: Int) {
        self.maximumCount = maximumCount
    }

    /// A connection has come.
    ///
    /// - Parameter leave: Called at most once, on any thread, when the connection is to be closed.
    /// - Returns: Its number.
    func enter(at now: NIODeadline, leave: @escaping @Sendable () -> Void) -> Int {
        let (number, victim) = state.withLock { state -> (Int, Member?) in
            var victim: Member?
            if state.members.count >= maximumCount {
                var longest: (number: Int, since: NIODeadline)?
                for (number, member) in state.members {
                    guard let since = member.since, longest.map({ since < $0.since }) ?? true else { continue }
                    longest = (number, since)
                }
                if let longest { victim = state.members.removeValue(forKey: longest.number) }
            }
            let number = state.nextNumber
            state.nextNumber += 1
            state.members[number] = Member(since: now, leave: leave)
            return (number, victim)
        }
        victim?.leave()
        return number
    }

    /// Since when the client is waited for; nil: it is being served.
    func note(_ number: Int, waitingSince since: NIODeadline?) {
        state.withLock { $0.members[number]?.since = since }
    }

    func exit(_ number: Int) {
        state.withLock { _ = $0.members.removeValue(forKey: number) }
    }

    var count: Int { state.withLock { $0.members.count } }
}
