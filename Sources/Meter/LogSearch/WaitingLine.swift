import Dispatch
import Synchronization

/// Work that blocks, off the cooperative pool: a few at once, the others wait in line, and beyond that none is taken.
final class WaitingLine: Sendable {
    private struct State {
        var underWay = 0
        var waiting: [@Sendable () -> Void] = []
    }

    private let queue: DispatchQueue
    private let width: Int
    private let maximumWaiting: Int
    private let state = Mutex(State())

    init(label: String, width: Int, maximumWaiting: Int) {
        queue = DispatchQueue(label: label, attributes: .concurrent)
        self.width = width
        self.maximumWaiting = maximumWaiting
    }

    /// - Throws: `busy`, and what `work` throws.
    func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Value, any Error>) in
            admit(
                { [self] in
                    continuation.resume(with: Result { try work() })
                    finish()
                },
                refuse: { continuation.resume(throwing: HTTPProblem.busy) }
            )
        }
    }

    private func admit(_ work: @escaping @Sendable () -> Void, refuse: () -> Void) {
        enum Admission { case starts, waits, refused }
        let admission = state.withLock { state in
            if state.underWay < width {
                state.underWay += 1
                return Admission.starts
            }
            guard state.waiting.count < maximumWaiting else { return .refused }
            state.waiting.append(work)
            return .waits
        }
        switch admission {
        case .starts: queue.async(execute: work)
        case .waits: break
        case .refused: refuse()
        }
    }

    private func finish() {
        let next = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.waiting.isEmpty else {
                state.underWay -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        if let next { queue.async(execute: next) }
    }
}
