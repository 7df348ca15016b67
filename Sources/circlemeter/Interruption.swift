import Foundation
import Synchronization

/// Turns SIGINT and SIGTERM into a request to stop, so that long work leaves everything in order.
struct Interruption: Sendable {
    private static let requested = Atomic(false)

    var isRequested: Bool { Interruption.requested.load(ordering: .relaxed) }

    init() {
        // Also makes the flag before a handler may need it: a handler can do no more than store.
        Interruption.requested.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { _ in Interruption.requested.store(true, ordering: .relaxed) }
        }
    }

    func stopWatching() {
        signal(SIGINT, SIG_DFL)
        signal(SIGTERM, SIG_DFL)
    }
}
