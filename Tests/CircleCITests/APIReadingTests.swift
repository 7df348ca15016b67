import CircleCI
import Testing
import Wire

/// What is read of answers.
struct APIReadingTests {
    static func read<Result>(
        _ body: String,
        _ call: (CircleCIClient) async throws -> Result
    ) async throws -> Result {
        try await APIFixture.run { _ in
            .answer(200, body)
        } _: {
            try await call($0.client)
        }
    }

    static func error(_ body: String, _ call: (CircleCIClient) async throws -> Void) async throws -> CircleCIError? {
        try await APIFixture.run { _ in
            .answer(200, body)
        } _: { fixture in
            await APIFixture.error { try await call(fixture.client) }
        }
    }

    @Test("The user, whose name may be absent")
    func user() async throws {
        let named = try await Self.read(#"{"id":"u","login":"octo","name":"Octo Cat","avatar_url":null}"#) {
            try await $0.me()
        }
        #expect(named == APIUser(id: "u", login: "octo", name: "Octo Cat"))
        for name in [#","name":null"#, "", #","name":"""#] {
            #expect(try await Self.read(#"{"id":"u","login":"octo"\#(name)}"#) { try await $0.me() }.name == "octo")
        }
    }

    @Test("Organizations, in both spellings and without an id")
    func collaborations() async throws {
        let body = #"""
            [{"id":"1","vcs-type":"github","name":"acme","avatar_url":"x","slug":"gh/acme"},
             {"id":null,"vcs_type":"circleci","name":"bravo","slug":"circleci/8e4z1Akd74woxagxnvLT5q"}]
            """#
        let organizations = try await Self.read(body) { try await $0.collaborations() }
        #expect(
            organizations == [
                APIOrganization(id: "1", name: "acme", slug: "gh/acme", vcsType: "github"),
                APIOrganization(
                    id: nil,
                    name: "bravo",
                    slug: "circleci/8e4z1Akd74woxagxnvLT5q",
                    vcsType: "circleci"
                ),
            ]
        )
    }

    @Test("Followed projects of every kind, in the long form of their slugs")
    func followed() async throws {
        let body = #"""
            [{"vcs_type":"github","username":"acme","reponame":"web","vcs_url":"https://github.com/acme/web",
              "branches":{"main":{"recent_builds":[{"build_num":22}]}}},
             {"vcs_type":"bitbucket","username":"acme","reponame":"api"},
             {"vcs_url":"https://github.com/acme/old","followed":true},
             {"vcs_type":"circleci","username":"Acme","reponame":"app","vcs_url":"//circleci.com/org-id/project-id"},
             {"slug":"gh/acme/new","vcs_type":"github","username":"x","reponame":"y"},
             {"slug":"circleci/a/b","vcs_url":"//circleci.com/c/d"}]
            """#
        let slugs = try await Self.read(body) { try await $0.followedProjects() }
        #expect(
            slugs == [
                "github/acme/web", "bitbucket/acme/api", "github/acme/old", "circleci/org-id/project-id",
                "github/acme/new", "circleci/a/b",
            ]
        )
        let error = try await Self.error(#"[{"vcs_url":"https://example.com/a/b"}]"#) {
            _ = try await $0.followedProjects()
        }
        #expect(error?.code == .unexpectedAnswer && error?.message.contains("[0].vcs_url") == true)
    }

    @Test("A pipeline, with maps that keep their bytes but for white space between tokens")
    func pipeline() async throws {
        let body = #"""
            {"items": [{"id": "p", "project_slug": "gh/acme/web", "number": "17", "state": "brand-new-state",
              "created_at": "2026-11-22T08:00:00.123Z", "errors": [], "trigger_parameters": {},
              "trigger": {"type": "webhook", "received_at": "1970-01-01T00:00:00.000Z", "actor": {"login": "octo"}},
              "vcs": { "branch" : "feature/\"a  b\" \\", "tag":null,
                       "commit": {"subject": "Tab\there  \u00e9 ü", "n": 1.50E+2 } }}],
             "next_page_token": null}
            """#
        let page = try await Self.read(body) { try await $0.pipelines(ofProject: "gh/acme/web", pageToken: nil) }
        #expect(page.nextPageToken == nil)
        let expected = APIPipeline(
            id: "p",
            number: 17,
            projectSlug: "gh/acme/web",
            createdAt: try #require(Timestamp("2026-11-22T08:00:00.123Z")),
            state: "brand-new-state",
            triggerType: "webhook",
            actorLogin: "octo",
            vcs: Array(
                #"{"branch":"feature/\"a  b\" \\","tag":null,"commit":{"subject":"Tab\there  \u00e9 ü","n":1.50E+2}}"#
                    .utf8
            ),
            triggerParameters: Array("{}".utf8)
        )
        #expect(page.items == [expected])
        let bare =
            #"{"id":"p","project_slug":"s","number":1,"created_at":"2026-11-22T08:00:00Z","state":"errored","vcs":null}"#
        let pipeline = try await Self.read(bare) { try await $0.pipeline("p") }
        #expect(pipeline.vcs == nil && pipeline.triggerParameters == nil && pipeline.triggerType == nil)
    }

    @Test("Workflows and jobs, running ones too, with times in every form")
    func workflowsAndJobs() async throws {
        let workflows = try await Self.read(
            #"""
            {"next_page_token":null,"items":[
             {"id":"w1","name":"build","status":"success","created_at":"2026-11-22T08:00:00Z","pipeline_number":"25",
              "stopped_at":"2026-11-22T08:01:00+00:00","tag":"setup"},
             {"id":"w2","name":"build","status":"on_hold","created_at":"2026-11-22T08:00:00.000Z","stopped_at":null}]}
            """#
        ) { try await $0.workflows(ofPipeline: "p") }
        let start = try #require(Timestamp("2026-11-22T08:00:00Z"))
        let stop = try #require(Timestamp("2026-11-22T08:01:00Z"))
        #expect(
            workflows == [
                APIWorkflow(id: "w1", name: "build", status: "success", createdAt: start, stoppedAt: stop),
                APIWorkflow(id: "w2", name: "build", status: "on_hold", createdAt: start, stoppedAt: nil),
            ]
        )
        let jobs = try await Self.read(
            #"""
            {"items":[
             {"id":"j1","name":"test","type":"build","status":"terminated-unknown","job_number":7,"dependencies":[],
              "started_at":"2026-11-22 08:00:00.361740256 +0000 UTC","stopped_at":"2026-11-22T08:01:00Z"},
             {"id":"j2","name":"hold","type":"approval","status":"on_hold","started_at":null}]}
            """#
        ) { try await $0.jobs(ofWorkflow: "w") }
        let started = try #require(Timestamp("2026-11-22T08:00:00.361740Z"))
        #expect(
            jobs == [
                APIJob(
                    id: "j1",
                    name: "test",
                    type: "build",
                    status: "terminated-unknown",
                    number: 7,
                    startedAt: started,
                    stoppedAt: stop
                ),
                APIJob(
                    id: "j2",
                    name: "hold",
                    type: "approval",
                    status: "on_hold",
                    number: nil,
                    startedAt: nil,
                    stoppedAt: nil
                ),
            ]
        )
    }

    @Test("A project and a job's details")
    func projectAndDetails() async throws {
        let project = try await Self.read(
            #"{"slug":"gh/acme/web","name":"web","id":"1","organization_slug":"gh/acme","vcs_info":{"provider":"New"}}"#
        ) { try await $0.project("gh/acme/web") }
        #expect(
            project
                == APIProject(
                    id: "1",
                    slug: "gh/acme/web",
                    name: "web",
                    organizationID: nil,
                    organizationSlug: "gh/acme"
                )
        )
        let details = try await Self.read(
            #"""
            {"number":7,"name":"test","status":"success","pipeline":{"id":"p"},"latest_workflow":{"id":"w","name":"b"},
             "executor":{"resource_class":"medium","type":"docker"},"parallelism":4,"duration":1200}
            """#
        ) { try await $0.job(inProject: "gh/acme/web", number: 7) }
        #expect(details.pipelineID == "p" && details.workflowID == "w" && details.parallelism == 4)
        #expect(details.resourceClass == "medium" && details.executor == "docker")
    }

    @Test("Webhooks in both spellings", arguments: ["verify-tls", "verify_tls"])
    func webhooks(spelling: String) async throws {
        let body = #"""
            {"items":[{"id":"h","name":"n","url":"https://x","events":["job-completed","new-event"],
             "\#(spelling)":true,"signing-secret":"xxxx1234","scope":{"id":"project","type":"project"}}]}
            """#
        let hooks = try await Self.read(body) { try await $0.webhooks(ofProject: "project") }
        let events = ["job-completed", "new-event"]
        #expect(
            hooks == [
                APIWebhook(
                    id: "h",
                    name: "n",
                    url: "https://x",
                    events: events,
                    verifiesTLS: true,
                    projectID: "project"
                )
            ]
        )
    }

    @Test("Any member that is needed and missing, null or of another kind makes the answer unexpected, by name")
    func missingMembers() async throws {
        let members = [
            "id": #""w""#, "name": #""canary""#, "status": #""failed""#, "created_at": #""2026-11-22T08:00:00Z""#,
            "stopped_at": "null",
        ]
        func list(_ change: String, _ value: String?) -> String {
            var members = members
            members[change] = value
            let good = Self.members(Self.workflow)
            let bad = Self.members(members)
            return #"{"items":[\#(good),\#(bad)],"next_page_token":null}"#
        }
        for (name, values) in [
            ("id", [nil, "null", "7", "[]"]), ("name", [nil, "{}"]), ("status", [nil, "true"]),
            ("created_at", [nil, "null", #""canary""#, "5"]), ("stopped_at", [#""canary""#, "5"]),
        ] {
            for value in values {
                let error = try await Self.error(list(name, value)) { _ = try await $0.workflows(ofPipeline: "p") }
                #expect(error?.code == .unexpectedAnswer && error?.status == 200, "\(name): \(value ?? "absent")")
                #expect(error?.message.contains("items[1].\(name)") == true)
                #expect(error?.location?.hasSuffix("/api/v2/pipeline/p/workflow") == true)
                #expect(error.map { !"\($0)".contains("canary") } == true)
            }
        }
    }

    static let workflow = [
        "id": #""w""#, "name": #""n""#, "status": #""failed""#, "created_at": #""2026-11-22T08:00:00Z""#,
    ]

    static func members(_ members: [String: String]) -> String {
        "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    @Test(
        "What is no list, no object or no JSON is unexpected, and never shown",
        arguments: [
            "", "canary", "null", "7", "[", #"{"items":{}}"#, #"{"items":[7]}"#, #"{"items":[{}]} canary"#, "[]", "{}",
            "<html>canary</html>", #"{"items":[],"next_page_token":"\ud800"}"#,
        ]
    )
    func noList(body: String) async throws {
        let error = try await Self.error(body) { _ = try await $0.jobs(ofWorkflow: "w") }
        #expect(error?.code == .unexpectedAnswer)
        #expect(error.map { !"\($0)".contains("canary") } == true)
    }

    @Test("An answer nested without end is unexpected")
    func deepNesting() async throws {
        let error = try await Self.error(String(repeating: "[", count: 100_000)) { _ = try await $0.me() }
        #expect(error?.code == .unexpectedAnswer)
    }
}
