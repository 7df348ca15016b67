import AsyncHTTPClient
import FakeCircleCI
import Foundation
import NIOCore
import NIOHTTP1
import Wire

/// Asks a site over HTTP and reads with Foundation, so that the tests share no code with what they test.
struct FakeSiteClient: Sendable {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: Data

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: Any? { try? JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed]) }
        var object: [String: Any] { json as? [String: Any] ?? [:] }
        var array: [[String: Any]] { json as? [[String: Any]] ?? [] }
        var items: [[String: Any]] { object["items"] as? [[String: Any]] ?? [] }
        var message: String? { object["message"] as? String }
        var nextPageToken: String? { object["next_page_token"] as? String }
    }

    static let key = "CCIPAT_test_key"

    let site: FakeSite
    let url: String
    let http: HTTPClient

    /// Runs a site with one key, and a client of it, while `body` runs.
    static func run<Result>(
        _ history: FakeHistory,
        _ change: (inout FakeSiteOptions) -> Void = { _ in },
        _ body: (FakeSiteClient) async throws -> Result
    ) async throws -> Result {
        var options = FakeSiteOptions(seed: history.options.seed)
        change(&options)
        return try await FakeSite.run(history, options: options) { site, url in
            site.addKey(key, login: "dev-1")
            var configuration = HTTPClient.Configuration()
            configuration.connectionPool.retryConnectionEstablishment = false
            let http = HTTPClient(configuration: configuration)
            do {
                let result = try await body(FakeSiteClient(site: site, url: url, http: http))
                try await http.shutdown()
                return result
            } catch {
                try? await http.shutdown()
                throw error
            }
        }
    }

    /// - Parameter path: After `/api/v2`, with the query; or from `/api` on; or an address.
    func ask(
        _ path: String,
        _ method: HTTPMethod = .GET,
        headers: HTTPHeaders = ["authorization": "Bearer \(key)", "accept": "application/json"],
        body: [String: Any]? = nil
    ) async throws -> Answer {
        let address = path.hasPrefix("http") ? path : url + (path.hasPrefix("/api") ? "" : "/api/v2") + path
        var request = HTTPClientRequest(url: address)
        request.method = method
        request.headers = headers
        if let body { request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body))) }
        let response = try await http.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: 8 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            body: Data(bytes.readableBytesView)
        )
    }

    /// Every page of a list.
    func all(_ path: String, between: () -> Void = {}) async throws -> [[String: Any]] {
        var items: [[String: Any]] = []
        var token: String?
        repeat {
            let query = token.map { "\(path.contains("?") ? "&" : "?")page-token=\($0)" } ?? ""
            let answer = try await ask(path + query)
            guard answer.status == 200 else { throw Failure(path: path, status: answer.status) }
            items += answer.items
            token = answer.nextPageToken
            between()
        } while token != nil
        return items
    }

    struct Failure: Error {
        let path: String
        let status: Int
    }

    /// What a webhook is created with.
    static func draft(_ project: FakeProject, url: String, secret: String = "a-secret") -> [String: Any] {
        [
            "name": "circlemeter acme", "url": url, "events": ["workflow-completed", "job-completed"],
            "verify-tls": true, "signing-secret": secret, "scope": ["id": project.id, "type": "project"],
        ]
    }
}

extension FakeHistory {
    var projects: [FakeProject] { organizations.flatMap(\.projects) }

    /// After everything that it holds.
    var end: Timestamp {
        let last = workflows.map(\.stoppedAt).max() ?? Timestamp(microseconds: 0)
        return Timestamp(microseconds: last.microseconds + 3_600_000_000)
    }
}
