import NIOHTTP1
import Testing

@testable import Meter

/// Methods that a path does not have, and HEAD.
struct DashboardMethodTests {
    @Test func `a path with another method is told from no path`() async throws {
        let live = try await LiveService()
        let client = APIClient(live: live)
        for (method, path, allow) in [
            (HTTPMethod.POST, "/api/v1/usage", "GET, HEAD"), (.DELETE, "/api/v1/connections", "GET, HEAD, POST"),
            (.GET, "/api/v1/connections/acme/invite", "POST"), (.PUT, "/metrics", "GET, HEAD"),
            (.GET, "/api/v1/replay", "POST"), (.PATCH, "//api/v1/connections/acme/", "GET, HEAD"),
        ] {
            let answer = try await client.ask(method, path)
            #expect(answer.status == 405 && answer.code == "method_not_allowed", "\(method) \(path)")
            #expect(answer.headers.first(name: "allow") == allow, "\(method) \(path)")
            #expect(answer.headers.contains(name: "content-security-policy"))
        }
        for path in ["/api/v1/none", "/api/v1/connections/acme/none", "/api/v1/connections/acme/invite/more"] {
            let answer = try await client.ask(.GET, path)
            #expect(answer.status == 404 && answer.code == "not_found", "\(path)")
        }
        await live.stop()
    }

    @Test(arguments: ["/", "/healthz", "/metrics", "/api/v1/snapshot", "/api/v1/usage?format=csv", "/openapi.json"])
    func `HEAD answers as GET does, without the body`(_ path: String) async throws {
        let live = try await LiveService()
        // Until what connecting wrote is counted, tags change.
        _ = try await live.snapshot()
        let client = APIClient(live: live)
        var (get, head, after) = try await (
            client.ask(.GET, path), client.ask(.HEAD, path), client.ask(.GET, path)
        )
        // The overview's tag names the minute, which may end in between.
        while get.headers.first(name: "etag") != after.headers.first(name: "etag") {
            (get, head, after) = try await (after, client.ask(.HEAD, path), client.ask(.GET, path))
        }
        #expect(head.status == get.status && head.bytes.isEmpty && !get.bytes.isEmpty)
        for name in ["content-type", "etag"] {
            #expect(head.headers.first(name: name) == get.headers.first(name: name), "\(name)")
        }
        await live.stop()
    }

    @Test func `bodies that are not what they should be do nothing`() async throws {
        let live = try await LiveService()
        let client = APIClient(live: live)
        let connection = "/api/v1/connections/\(LiveService.connection(0))"
        for (action, body) in [
            ("remove", "{"), ("remove", "[]"), ("remove", "{\"delete_hooks\":\"yes\"}"),
            ("invite", "{\"purpose\":\"x\"}"),
            ("reconcile", "{\"since\":\"soon\"}"), ("reconcile", "7"), ("settle", "{\"from\":\"2026-11-01\"}"),
        ] {
            let answer = try await client.ask(.POST, "\(connection)/\(action)", body: body)
            #expect(answer.status == 422 && answer.code == "invalid_connection", "\(action) \(body) \(answer.text)")
        }
        for action in ["remove", "reconcile", "settle", "repair-hooks"] {
            let answer = try await client.ask(.POST, "/api/v1/connections/none/\(action)")
            #expect(answer.status == 404 && answer.code == "unknown_connection", "\(action)")
        }
        #expect(try await client.ask(.GET, connection).status == 200)
        await live.stop()
    }
}
