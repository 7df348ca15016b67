import Dispatch

@testable import EventLog

extension EventLog {
    /// Keeps the log's thread from further work until it is resumed, once what is under way is done: a batch being
    /// answered goes on to the next one, so that an append right behind it would find the thread at work and not wait.
    func suspendThread() async {
        let thread = committer.thread
        await withCheckedContinuation { continuation in
            thread.async {
                thread.suspend()
                continuation.resume()
            }
        }
    }
}
