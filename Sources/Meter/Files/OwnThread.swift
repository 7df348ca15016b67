import Dispatch

/// Runs work that blocks on a thread of its own, off the cooperative pool.
package func onOwnThread<Value: Sendable>(
    _ label: String, _ work: @escaping @Sendable () throws -> sending Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: label).async { continuation.resume(with: Result { try work() }) }
    }
}
