import Foundation

/// A lock for long work, which goes to waiting threads in the order of their coming: who does one piece after the other
/// does not keep the others out. It blocks; take it off the cooperative pool.
final class TurnLock: @unchecked Sendable {
    private let condition = NSCondition()
    // Both are read and written with the condition's lock held.
    private var nextTurn = 0
    private var turn = 0

    func withLock<Value>(_ body: () throws -> Value) rethrows -> Value {
        condition.lock()
        let mine = nextTurn
        nextTurn += 1
        while turn != mine { condition.wait() }
        condition.unlock()
        defer {
            condition.lock()
            turn += 1
            condition.broadcast()
            condition.unlock()
        }
        return try body()
    }
}
