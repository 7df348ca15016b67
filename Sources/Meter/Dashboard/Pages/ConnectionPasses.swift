import Logging
import Synchronization

/// Passes that the page's button has asked for. Pressed again, one that is under way is enough.
final class ConnectionPasses: Sendable {
    private let parts: MeterParts
    private let underWay = Mutex<Set<String>>([])

    init(parts: MeterParts) {
        self.parts = parts
    }

    func isUnderWay(_ id: String) -> Bool { underWay.withLock { $0.contains(id) } }

    /// Begins to compare everything in the connection's range, in the background; the reconciler ends it when the
    /// service stops.
    func begin(_ id: String) {
        guard underWay.withLock({ $0.insert(id).inserted }) else { return }
        let (reconciler, logger) = (parts.circleci.reconciler, parts.logger)
        Task {
            do {
                _ = try await reconciler.reconcileByHand(
                    id,
                    ReconcileRequest(thoroughness: .everything),
                    planned: { _, _ in },
                    progress: { _ in }
                )
            } catch is CancellationError {
            } catch {
                logger.warning(
                    "a connection could not be reconciled",
                    metadata: ["connection": "\(id)", "error": "\(error)"]
                )
            }
            underWay.withLock { _ = $0.remove(id) }
        }
    }
}
