import Dispatch

/// Runs work that blocks on a thread of its own, off the cooperative pool.
package func onOwnThread<Value: Sendable>(
    _ label: String,
    _ work: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await BlockingQueue(label: label).run(work)
}
