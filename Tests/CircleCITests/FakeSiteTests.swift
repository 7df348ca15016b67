import FakeCircleCI
import Foundation
import NIOHTTP1
import Synchronization
import TestSupport
import Testing
import Wire

/// The site as a meter meets it: keys, slugs, pages, the clock.
struct FakeSiteTests {
    static func history(
        seed: UInt64,
        rate: Double = 0.1,
        days: Int = 1,
        change: (inout FakeHistoryOptions) -> Void = { _ in }
    ) throws -> FakeHistory {
        var options = FakeHistoryOptions(seed: seed, firstDay: try #require(Day("2026-11-02")))
        options.dayCount = days
        options.pipelinesPerDay = 30
        options.oddities = OddityRates(all: rate)
        change(&options)
        return FakeHistory(options: options)
    }

    static func noon(_ history: FakeHistory) -> Timestamp {
        Timestamp(microseconds: Int64(history.options.firstDay.daysSinceEpoch) * 86_400_000_000 + 43_200_000_000)
    }

    static func seconds(_ instant: Timestamp) -> String { "\(instant.description.prefix(19))Z" }

    @Test("A key is shown in any of three headers; without a live one only what is the key's own says so")
    func keys() async throws {
        let history = try Self.history(seed: 1, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            let key = FakeSiteClient.key
            let basic = Data("\(key):".utf8).base64EncodedString()
            let good: [HTTPHeaders] = [
                ["authorization": "Bearer \(key)"], ["circle-token": key], ["authorization": "Basic \(basic)"],
            ]
            let bad: [HTTPHeaders] = [[:], ["circle-token": "other"], ["authorization": "Bearer "]]
            client.site.advance(to: history.end)
            let workflow = try #require(history.workflows.first { !$0.jobs.isEmpty })
            let project = workflow.pipeline.project
            let hidden = [
                ("/project/\(project.slug)", "Project not found"),
                ("/project/\(project.slug)/pipeline", "Project not found"),
                ("/project/\(project.slug)/job/\(workflow.jobs[0].number)", "Project not found"),
                ("/pipeline/\(workflow.pipeline.id)", "Pipeline not found"),
                ("/pipeline/\(workflow.pipeline.id)/workflow", "Pipeline not found"),
                ("/workflow/\(workflow.id)", "Workflow not found"),
                ("/workflow/\(workflow.id)/job", "Workflow not found"),
                ("/webhook?scope-id=\(project.id)&scope-type=project", "Project not found"),
            ]
            for headers in good {
                #expect(try await client.ask("/me", headers: headers).object["login"] as? String == "dev-1")
                for (path, _) in hidden { #expect(try await client.ask(path, headers: headers).status == 200) }
            }
            func expectNothing(_ headers: HTTPHeaders) async throws {
                for path in ["/me", "/me/collaborations", "/api/v1.1/projects"] {
                    let answer = try await client.ask(path, headers: headers)
                    #expect(answer.status == 401 && answer.message == "You must log in first.", "\(path)")
                }
                for (path, message) in hidden {
                    let answer = try await client.ask(path, headers: headers)
                    #expect(answer.status == 404 && answer.message == message, "\(path)")
                }
            }
            for headers in bad { try await expectNothing(headers) }
            client.site.revoke(key)
            try await expectNothing(good[0])
            client.site.addKey("newer", login: "dev-2")
            #expect(try await client.ask("/me", headers: ["circle-token": "newer"]).status == 200)
            client.site.expire("newer")
            try await expectNothing(["circle-token": "newer"])
        }
    }

    @Test("A project that is lost is not found, and neither is what belongs to it; all others stay")
    func lostProject() async throws {
        let history = try Self.history(seed: 2, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            client.site.advance(to: history.end)
            let lost = history.projects[0]
            client.site.removeAccess(FakeSiteClient.key, lost.slug)
            #expect(try await client.ask("/me").status == 200)
            for project in history.projects {
                let status = project.id == lost.id ? 404 : 200
                #expect(try await client.ask("/project/\(project.slug)").status == status)
                #expect(try await client.ask("/project/\(project.slug)/pipeline").status == status)
            }
            for workflow in history.workflows.prefix(20) {
                let status = workflow.pipeline.project.id == lost.id ? 404 : 200
                #expect(try await client.ask("/pipeline/\(workflow.pipeline.id)").status == status)
                #expect(try await client.ask("/workflow/\(workflow.id)/job").status == status)
            }
            let followed = try await client.ask("/api/v1.1/projects").array
            #expect(followed.count == history.projects.count - 1)
            client.site.restoreAccess(FakeSiteClient.key, lost.slug)
            #expect(try await client.ask("/project/\(lost.slug)").status == 200)
        }
    }

    @Test("A project answers to every form of its slug with its short one; other routes do not exist")
    func slugs() async throws {
        let history = try Self.history(seed: 3, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            for project in history.projects {
                let parts = project.slug.split(separator: "/").map(String.init)
                var forms = [project.slug, parts.joined(separator: "%2F")]
                switch parts[0] {
                case "github": forms.append("gh/\(parts[1])/\(parts[2])")
                case "bitbucket": forms.append("bb/\(parts[1])/\(parts[2])")
                default: forms.append("circleci/\(project.organizationID)/\(project.id)")
                }
                let short = parts[0] == "circleci" ? project.slug : forms[2]
                for form in forms {
                    let answer = try await client.ask("/project/\(form)").object
                    #expect(answer["slug"] as? String == short)
                    #expect(answer["id"] as? String == project.id)
                    #expect(
                        answer["organization_slug"] as? String
                            == short.split(separator: "/").prefix(2).joined(separator: "/")
                    )
                }
            }
            for path in ["/", "/nothing", "/project/gh/acme", "/me/other", "/pipeline/1/2/3", "/api/v1.1/me", "/api"] {
                let answer = try await client.ask(path)
                #expect(answer.status == 404 && answer.message == "Not Found", "\(path)")
            }
            #expect(client.site.calls[FakeCall("GET", "unknown", 404)] == 7)
        }
    }

    @Test("Calls are counted by endpoint and answer until they are reset; answers without a wish for JSON have lines")
    func calls() async throws {
        let history = try Self.history(seed: 7, rate: 0)
        let seen = Mutex<[FakeCall]>([])
        try await FakeSiteClient.run(history, { $0.onCall = { call in seen.withLock { $0.append(call) } } }) {
            client async throws in
            let slug = history.projects[0].slug
            for _ in 0..<3 { _ = try await client.ask("/project/\(slug)") }
            _ = try await client.ask("/me", headers: [:])
            let plain = try await client.ask("/me", headers: ["circle-token": FakeSiteClient.key])
            #expect(plain.text.contains("\n") && plain.object["login"] as? String == "dev-1")
            let me = try await client.ask("/me")
            #expect(!me.text.contains("\n") && me.headers.first(name: "x-request-id") != nil)
            let expected: [FakeCall: Int] = [
                FakeCall("GET", "/project/{slug}", 200): 3, FakeCall("GET", "/me", 401): 1,
                FakeCall("GET", "/me", 200): 2,
            ]
            #expect(client.site.calls == expected)
            #expect(client.site.callCount("/me") == 3 && client.site.callCount == 6)
            #expect(seen.withLock { $0.count } == 6)
            client.site.resetCalls()
            #expect(client.site.callCount == 0)
        }
    }

    @Test("Two sites in one process share nothing")
    func twoSites() async throws {
        let history = try Self.history(seed: 8, rate: 0)
        try await FakeSiteClient.run(history) { first in
            try await FakeSiteClient.run(history) { second async throws in
                #expect(first.url != second.url)
                first.site.revoke(FakeSiteClient.key)
                first.site.setFaults { $0.serverErrors = 1 }
                #expect(try await first.ask("/me").status == 401)
                #expect(try await second.ask("/me").status == 200)
                #expect(try await second.ask("/project/\(history.projects[0].slug)").status == 200)
                #expect(first.site.callCount == 1 && second.site.callCount == 2)
            }
        }
    }
}
