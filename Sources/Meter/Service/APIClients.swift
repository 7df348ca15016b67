import AsyncHTTPClient
import CircleCI
import Synchronization

/// CircleCI's API for each key: whoever calls with one key shares its budget.
final class APIClients: Sendable {
    private let http = HTTPClient(configuration: CircleCIClient.httpConfiguration())
    private let baseURL: String
    private let callsPerSecond: Double
    private let observe: @Sendable (APIObservation) -> Void
    /// By the key's SHA-256, so that no key lies about in a dictionary.
    private let clients = Mutex<[[UInt8]: CircleCIClient]>([:])

    /// - Parameter observe: told of calls and waits; must return quickly.
    init(baseURL: String, callsPerSecond: Int = 10, observe: @escaping @Sendable (APIObservation) -> Void) {
        self.baseURL = baseURL
        self.callsPerSecond = Double(callsPerSecond)
        self.observe = observe
    }

    /// - Throws: `CircleCIError` with `empty_secret` or `invalid_key`.
    func client(_ key: Secret) throws(CircleCIError) -> CircleCIClient {
        let digest = Randomness.sha256(key.bytes)
        if let known = clients.withLock({ $0[digest] }) { return known }
        let client = CircleCIClient(
            http: http,
            baseURL: baseURL,
            key: try key.asAPIKey(),
            budget: APIBudget(options: APIBudget.Options(callsPerSecond: callsPerSecond), observe: observe)
        )
        return clients.withLock { clients in
            if let known = clients[digest] { return known }
            clients[digest] = client
            return client
        }
    }

    func shutdown() async { try? await http.shutdown() }
}
