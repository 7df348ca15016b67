import EventLog
import Logging
import Synchronization

/// The policy of a running service. The file is read again whenever it was changed; while it has a mistake, what it said
/// before goes on.
final class PeopleSource: Sendable {
    private struct State {
        var policy: PersonPolicy
        var stamp: FileStamp?
        /// What was wrong the last time, where that may pass without a change of the file.
        var problem: MeterError?
    }

    private let directory: DataDirectory
    private let environment: [String: String]
    private let logger: Logger
    private let state: Mutex<State>
    private let queue = BlockingQueue(label: "circlemeter.people")

    /// Blocking.
    /// - Throws: What ``PersonPolicy/load(_:environment:)`` throws: no service begins with a mistake.
    init(_ directory: DataDirectory, environment: [String: String], logger: Logger) throws(MeterError) {
        self.directory = directory
        self.environment = environment
        self.logger = logger
        // Before it is read: a change in between is seen the next time.
        let stamp = FileStamp(directory.people)
        let policy = try PersonPolicy.load(directory, environment: environment)
        state = Mutex(State(policy: policy, stamp: stamp))
    }

    /// As ``current()``, off the cooperative pool.
    func read() async -> PersonPolicy {
        await queue.run { [self] in current() }
    }

    /// The policy as the file has it now. Blocking, for a moment.
    func current() -> PersonPolicy {
        let stamp = FileStamp(directory.people)
        return state.withLock { state in
            guard stamp != state.stamp || state.problem != nil else { return state.policy }
            let isSame = stamp == state.stamp
            state.stamp = stamp
            do throws(MeterError) {
                state.policy = try PersonPolicy.load(directory, environment: environment)
                state.problem = nil
            } catch {
                // Told once, not with every look.
                if !isSame || "\(error)" != state.problem.map({ "\($0)" }) {
                    logger.error(
                        "the people file cannot be used; what it said before goes on",
                        metadata: ["error": "\(error)"]
                    )
                }
                // A mistake in the file stays until it is changed; a key that cannot be read may be mended.
                state.problem = error.code == .invalidPeople ? nil : error
            }
            return state.policy
        }
    }
}
