import AsyncHTTPClient
import CircleCI
import FakeCircleCI
import NIOHTTP1
import Synchronization

/// A client against a server on loopback, in time that jumps.
struct APIFixture: Sendable {
    static let key = "CCIPAT_canary_0123456789abcdef0123456789abcdef01234567"

    let client: CircleCIClient
    let budget: APIBudget
    let server: FakeHTTPServer
    let clock: APITestClock
    private let seen: Seen

    private final class Seen: Sendable {
        let observations = Mutex<[APIObservation]>([])
    }

    var observations: [APIObservation] { seen.observations.withLock { $0 } }
    var paths: [String] { server.requests.map(\.path) }

    /// Runs `body` with a client whose calls `script` answers. In `base`, SERVER stands for the server's host and port.
    static func run<Result>(
        options: CircleCIClient.Options = CircleCIClient.Options(),
        configuration: HTTPClient.Configuration = CircleCIClient.httpConfiguration(),
        base: String = "http://SERVER",
        _ script: @escaping @Sendable (FakeHTTPServer.Request) -> FakeHTTPServer.Reply,
        _ body: (APIFixture) async throws -> Result
    ) async throws -> Result {
        let http = HTTPClient(configuration: configuration)
        let clock = APITestClock(isAutomatic: true)
        let seen = Seen()
        let budget = APIBudget(clock: clock.clock, random: SeededGenerator(seed: 3)) { observation in
            seen.observations.withLock { $0.append(observation) }
        }
        do {
            let result = try await FakeHTTPServer.run(script) { server in
                let client = CircleCIClient(
                    http: http,
                    baseURL: base.replacing("SERVER", with: server.url.dropFirst("http://".count)),
                    key: try APIKey(Array(key.utf8)),
                    budget: budget,
                    options: options
                )
                return try await body(
                    APIFixture(client: client, budget: budget, server: server, clock: clock, seen: seen)
                )
            }
            try await http.shutdown()
            return result
        } catch {
            try? await http.shutdown()
            throw error
        }
    }

    /// The error that a call ends with; nil where it goes well.
    static func error(_ body: () async throws -> Void) async -> CircleCIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? CircleCIError
        }
    }
}
