import CircleCI
import FakeCircleCI
import Foundation
import NIOHTTP1
import Synchronization
import TestSupport
import Testing
import Wire

/// Webhooks of a site: made, changed and deleted over the API.
struct FakeSiteWebhookTests {
    @Test(
        "A webhook is made, shown without its secret, changed and deleted",
        arguments: FakeSiteOptions.Spelling.allCases
    )
    func life(spelling: FakeSiteOptions.Spelling) async throws {
        let history = try FakeSiteTests.history(seed: 51, rate: 0)
        let dash = spelling == .live ? "_" : "-"
        try await FakeSiteClient.run(history, { $0.spelling = spelling }) { client async throws in
            let project = history.projects[0]
            let draft = FakeSiteClient.draft(project, url: "https://meter.example.com/hook", secret: "canary-secret")
            let made = try await client.ask("/webhook", .POST, body: draft)
            #expect(made.status == 201)
            let id = try #require(made.object["id"] as? String)
            #expect(id == project.webhooks[0].id)
            #expect(made.object["verify\(dash)tls"] as? Bool == true)
            #expect(made.object["signing\(dash)secret"] as? String == "****")
            #expect((made.object["scope"] as? [String: Any])?["id"] as? String == project.id)
            let change: [String: Any] = [
                "url": "https://other.example.com", "verify-tls": false, "signing-secret": "new-canary",
            ]
            let changed = try await client.ask("/webhook/\(id)", .PUT, body: change)
            #expect(changed.status == 200 && changed.object["verify\(dash)tls"] as? Bool == false)
            let shown = try await client.ask("/webhook/\(id)")
            #expect(shown.object["url"] as? String == "https://other.example.com")
            #expect(shown.object["name"] as? String == "circlemeter acme")
            let listed = try await client.all("/webhook?scope-id=\(project.id)&scope-type=project")
            #expect(listed.count == 1 && listed[0]["id"] as? String == id)
            for answer in [made, changed, shown] { #expect(!answer.text.contains("canary")) }
            for hook in client.site.hooks() {
                #expect(
                    !"\(hook) \(String(reflecting: hook)) \(Mirror(reflecting: hook).children.map(\.value))".contains(
                        "canary"
                    )
                )
            }
            #expect(try await client.ask("/webhook/\(id)", .DELETE).object["message"] is String)
            #expect(try await client.ask("/webhook/\(id)").status == 404)
            #expect(client.site.hooks().isEmpty)
        }
    }

    @Test("What CircleCI would not take is refused, and says what is wrong")
    func refusals() async throws {
        let history = try FakeSiteTests.history(seed: 52, rate: 0)
        try await FakeSiteClient.run(history, { $0.allowsHTTP = false }) { client async throws in
            let project = history.projects[0]
            let good = FakeSiteClient.draft(project, url: "https://meter.example.com/hook")
            func status(_ change: [String: Any?], method: HTTPMethod = .POST, path: String = "/webhook") async throws
                -> Int
            {
                var draft = method == .POST ? good : [:]
                for (name, value) in change { draft[name] = value }
                let answer = try await client.ask(path, method, body: draft)
                #expect(answer.status < 300 || answer.message != nil)
                return answer.status
            }
            for name in good.keys { #expect(try await status([name: Any?.none]) == 400, "\(name)") }
            #expect(try await status(["url": "http://meter.example.com"]) == 400)
            #expect(try await status(["events": ["job-started"]]) == 400)
            #expect(try await status(["events": [String]()]) == 400)
            #expect(try await status(["verify-tls": "yes"]) == 400)
            #expect(try await status(["scope": ["id": project.organizationID, "type": "project"]]) == 404)
            #expect(try await status(["scope": ["id": project.id, "type": "organization"]]) == 400)
            #expect(client.site.hooks().isEmpty)
            for number in 1...6 { #expect(try await status([:]) == (number <= 5 ? 201 : 400)) }
            #expect(client.site.hooks(ofProject: project.id).count == 5)
            let id = try #require(client.site.hooks().first?.id)
            #expect(try await status(["url": "ftp://x"], method: .PUT, path: "/webhook/\(id)") == 400)
            #expect(try await client.ask("/webhook?scope-type=project").status == 400)
            #expect(try await client.ask("/webhook/\(id)", .PATCH).status == 404)

            client.site.addKey("viewer", login: "dev-2", isAdmin: false)
            let headers: HTTPHeaders = ["circle-token": "viewer"]
            #expect(try await client.ask("/webhook/\(id)", headers: headers).status == 200)
            #expect(try await client.ask("/webhook/\(id)", .DELETE, headers: headers).status == 403)
            #expect(try await client.ask("/webhook", .POST, headers: headers, body: good).status == 403)
            client.site.removeAccess("viewer", project.slug)
            #expect(try await client.ask("/webhook/\(id)", headers: headers).status == 404)
            #expect(try await client.ask("/webhook", .POST, headers: headers, body: good).status == 404)
        }
    }
}
