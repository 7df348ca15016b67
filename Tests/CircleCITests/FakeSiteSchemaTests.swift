import AsyncHTTPClient
import FakeCircleCI
import Foundation
import NIOHTTP1
import Testing
import Wire

/// The site's answers against CircleCI's own description of 2023, which lies beside the repository.
struct FakeSiteSchemaTests {
    /// `../shared/circleci/openapi-v2.json`, from the package's root; nil where it is absent.
    static func description() throws -> [String: Any]? {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appending(path: "../shared/circleci/openapi-v2.json")
        guard let data = try? Data(contentsOf: file) else {
            print("NOT CHECKED: \(file.standardized.path) is absent, so answers were held against no description")
            return nil
        }
        return try JSONSerialization.jsonObject(with: data) as? [String: Any]
    }

    /// An answer, and where the description has its schema.
    struct Sample {
        let answer: FakeSiteClient.Answer
        let path: String
        var method = "get"
    }

    /// Every answer that there can be at some instants of the day, of every endpoint.
    static func samples(_ client: FakeSiteClient) async throws -> [Sample] {
        let history = client.site.history
        var samples: [Sample] = []
        func add(_ path: String, _ described: String) async throws {
            let answer = try await client.ask(path)
            // Not there yet, an approval, or a pipeline that has no workflows.
            if answer.status != 404 { samples.append(Sample(answer: answer, path: described)) }
        }
        for described in ["/me", "/me/collaborations"] { try await add(described, described) }
        for project in history.projects {
            try await add("/project/\(project.slug)", "/project/{project-slug}")
            var url = "/project/\(project.slug)/pipeline"
            while true {
                try await add(url, "/project/{project-slug}/pipeline")
                guard let token = samples.last?.answer.nextPageToken else { break }
                url = "/project/\(project.slug)/pipeline?page-token=\(token)"
            }
            for item in try await client.all("/project/\(project.slug)/pipeline") {
                let id = try #require(item["id"] as? String)
                try await add("/pipeline/\(id)", "/pipeline/{pipeline-id}")
                try await add("/pipeline/\(id)/workflow", "/pipeline/{pipeline-id}/workflow")
            }
        }
        for slug in try await client.ask("/me/collaborations").array.compactMap({ $0["slug"] as? String }) {
            try await add("/pipeline?org-slug=\(slug)", "/pipeline")
        }
        for workflow in history.workflows {
            try await add("/workflow/\(workflow.id)", "/workflow/{id}")
            try await add("/workflow/\(workflow.id)/job", "/workflow/{id}/job")
            for job in workflow.jobs {
                let slug = workflow.pipeline.project.slug
                try await add("/project/\(slug)/job/\(job.number)", "/project/{project-slug}/job/{job-number}")
            }
        }
        return samples + (try await hookSamples(client))
    }

    static func hookSamples(_ client: FakeSiteClient) async throws -> [Sample] {
        var samples: [Sample] = []
        for (project, secret) in zip(client.site.history.projects, ["a", "", "b", "c"]) {
            let draft = FakeSiteClient.draft(project, url: "https://meter.example.com", secret: secret)
            let made = try await client.ask("/webhook", .POST, body: draft)
            let id = try #require(made.object["id"] as? String)
            let listed = try await client.ask("/webhook?scope-id=\(project.id)&scope-type=project")
            let path = "/webhook/{webhook-id}"
            samples += [
                Sample(answer: made, path: "/webhook", method: "post"),
                Sample(answer: listed, path: "/webhook"),
                Sample(answer: try await client.ask("/webhook/\(id)"), path: path),
                Sample(
                    answer: try await client.ask("/webhook/\(id)", .PUT, body: ["name": "x"]),
                    path: path,
                    method: "put"
                ),
                Sample(answer: try await client.ask("/webhook/\(id)", .DELETE), path: path, method: "delete"),
            ]
        }
        return samples
    }

    static func complaints(_ samples: [Sample], _ document: [String: Any]) throws -> Set<String> {
        let checker = JSONSchemaChecker(document: document)
        var found: Set<String> = []
        for sample in samples {
            let value = try #require(sample.answer.json)
            let keys = ["paths", sample.path, sample.method, "responses", "\(sample.answer.status)", "content"]
            var schema: Any? = document
            for key in keys + ["application/json", "schema"] { schema = (schema as? [String: Any])?[key] }
            let described = try #require(schema as? [String: Any], "\(sample.path) \(sample.answer.status)")
            for complaint in checker.complaints(value, described) {
                found.insert("\(sample.path) \(complaint.replacing(/\[\d+\]/, with: "[]"))")
            }
        }
        return found
    }

    static func history() throws -> FakeHistory {
        try FakeSiteTests.history(seed: 81, rate: 0.15) { $0.pipelinesPerDay = 12 }
    }

    @Test("Documented answers of every endpoint fit the description (or it is absent, which is printed)")
    func documented() async throws {
        guard let document = try Self.description() else { return }
        let history = try Self.history()
        try await FakeSiteClient.run(
            history,
            {
                $0.spelling = .documented
                $0.approvals = 0.3
                $0.erroredPipelines = 0.3
            }
        ) { client async throws in
            var paths: Set<String> = []
            for instant in [FakeSiteTests.noon(history), history.end] {
                client.site.advance(to: instant)
                let samples = try await Self.samples(client)
                paths.formUnion(samples.map { "\($0.method) \($0.path)" })
                #expect(try Self.complaints(samples, document) == [])
            }
            #expect(paths.count == 15)
        }
    }

    @Test("Live answers differ from the description just where facts say so (or it is absent, which is printed)")
    func live() async throws {
        guard let document = try Self.description() else { return }
        let history = try Self.history()
        try await FakeSiteClient.run(history, { $0.approvals = 0.3 }) { client async throws in
            client.site.advance(to: FakeSiteTests.noon(history))
            var found = try Self.complaints(try await Self.samples(client), document)
            client.site.advance(to: history.end)
            found.formUnion(try Self.complaints(try await Self.samples(client), document))
            // FACTS 4: spelling of collaborations (T4). 4.1: App-style pipelines (T4). 4.3: no start before the start.
            // 4.4: webhooks with underscores (S1, T1).
            let known = [
                "/me/collaborations $[].vcs-type: missing", "/workflow/{id}/job $.items[].started_at: null",
            ]
            let isKnown = { (complaint: String) in
                known.contains(complaint) || complaint.contains("Decoupled Ingestion System")
                    || complaint.hasPrefix("/webhook")
                        && ["verify-tls", "signing-secret", "created-at", "updated-at"].contains {
                            complaint.hasSuffix("\($0): missing")
                        }
            }
            #expect(found.filter { !isKnown($0) } == [])
            for complaint in known { #expect(found.contains(complaint)) }
            #expect(found.contains { $0.contains("Decoupled Ingestion System") })
        }
    }

    @Test("The checker finds what is wrong, and only that")
    func checker() throws {
        func complaints(_ json: String, _ schema: String) throws -> [String] {
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(#"{"a":{"b/c":{"type":"integer"}}}"#.utf8))
                    as? [String: Any]
            )
            let value = try JSONSerialization.jsonObject(with: Data(json.utf8), options: [.fragmentsAllowed])
            let schema = try JSONSerialization.jsonObject(with: Data(schema.utf8)) as? [String: Any]
            return JSONSchemaChecker(document: document).complaints(value, try #require(schema))
        }
        let good = [
            ("7", #"{"type":"integer"}"#), ("true", #"{"type":"boolean"}"#),
            ("null", #"{"type":"string","x-nullable":true}"#),
            ("null", #"{"type":"string","nullable":true}"#), ("7", ##"{"$ref":"#/a/b~1c"}"##),
            (#"{"x":1,"y":"z"}"#, #"{"type":"object","required":["x"],"properties":{"x":{"type":"integer"}}}"#),
            (#""b""#, #"{"enum":["a","b"],"type":"string"}"#),
            ("[1,2]", #"{"type":"array","items":{"type":"integer"}}"#),
            ("1", #"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#),
            ("1", #"{"oneOf":[{"type":"integer"},{"type":"string"}]}"#),
            ("1", #"{"allOf":[{"type":"integer"},{"minimum":1}]}"#),
            (#""2026-11-02T00:00:00Z""#, #"{"type":"string","format":"date-time"}"#),
            (#""5034460f-c7c4-4c43-9457-de07e2029e7b""#, #"{"type":"string","format":"uuid"}"#),
            (#"{"x":true}"#, #"{"additionalProperties":{"type":"boolean"}}"#),
        ]
        for (json, schema) in good { #expect(try complaints(json, schema) == [], "\(json) \(schema)") }
        let bad = [
            ("7.5", #"{"type":"integer"}"#), ("true", #"{"type":"integer"}"#), ("1", #"{"type":"boolean"}"#),
            ("null", #"{"type":"string"}"#), (#""7""#, ##"{"$ref":"#/a/b~1c"}"##), ("7", ##"{"$ref":"#/a/d"}"##),
            (#"{"y":1}"#, #"{"required":["x"]}"#), (#"{"x":""}"#, #"{"properties":{"x":{"type":"integer"}}}"#),
            (#""c""#, #"{"enum":["a","b"],"type":"string"}"#),
            (#"[1,"2"]"#, #"{"type":"array","items":{"type":"integer"}}"#),
            ("1", #"{"anyOf":[{"type":"string"},{"type":"boolean"}]}"#),
            ("1", #"{"oneOf":[{"type":"integer"},{"minimum":0}]}"#),
            ("0", #"{"allOf":[{"type":"integer"},{"minimum":1}]}"#), (#""today""#, #"{"format":"date-time"}"#),
            (#""2026-11-02 00:00:00""#, #"{"format":"date-time"}"#), (#""7""#, #"{"format":"uuid"}"#),
            (#"{"x":1}"#, #"{"additionalProperties":{"type":"boolean"}}"#),
            (#"{"x":1}"#, #"{"additionalProperties":false}"#),
        ]
        for (json, schema) in bad { #expect(try complaints(json, schema).count == 1, "\(json) \(schema)") }
    }
}
