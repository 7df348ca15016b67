import FakeCircleCI
import Foundation
import NIOHTTP1
import Synchronization
import Testing
import Wire

/// What goes wrong at a site, and that it goes wrong the same way each time.
struct FakeSiteFaultTests {
    /// What became of calls: the status, the kind of body and whether a wait was named; `dropped` without an answer.
    static func outcome(_ client: FakeSiteClient, _ path: String) async -> String {
        guard let answer = try? await client.ask(path) else { return "dropped" }
        let kind = answer.headers.first(name: "content-type")?.split(separator: ";")[0] ?? "-"
        return "\(answer.status) \(kind)\(answer.headers["retry-after"].isEmpty ? "" : " waits")"
    }

    static func course(_ history: FakeHistory, seed: UInt64, concurrently: Bool) async throws -> [String: [String]] {
        try await FakeSiteClient.run(
            history,
            { options in
                options.seed = seed
                options.faults.rateLimited = 0.15
                options.faults.serverErrors = 0.15
                options.faults.edgeRefusals = 0.1
                options.faults.htmlAnswers = 0.1
                options.faults.droppedConnections = 0.15
            }
        ) { client async throws in
            let paths = history.projects.map { "/project/\($0.slug)" } + ["/me/collaborations", "/api/v1.1/projects"]
            @Sendable func tries(_ path: String) async -> [String] {
                var outcomes: [String] = []
                for _ in 0..<40 { outcomes.append(await outcome(client, path)) }
                return outcomes
            }
            var course: [String: [String]] = [:]
            if concurrently {
                await withTaskGroup(of: (String, [String]).self) { group in
                    for path in paths { group.addTask { (path, await tries(path)) } }
                    for await (path, outcomes) in group { course[path] = outcomes }
                }
            } else {
                for path in paths { course[path] = await tries(path) }
            }
            return course
        }
    }

    @Test("A seed gives each call the same faults, alone or with others, and every kind of them comes")
    func determinism() async throws {
        let history = try FakeSiteTests.history(seed: 31, rate: 0)
        let course = try await Self.course(history, seed: 5, concurrently: false)
        #expect(try await Self.course(history, seed: 5, concurrently: true) == course)
        #expect(try await Self.course(history, seed: 6, concurrently: false) != course)
        let kinds = Set(course.values.joined())
        let expected: Set = [
            "200 application/json", "429 application/json waits", "429 application/json", "429 text/plain waits",
            "429 text/plain", "500 application/json", "502 text/html", "503 application/json", "403 text/html",
            "200 text/html", "dropped",
        ]
        #expect(kinds == expected)
    }

    @Test("The key's probe meets no fault unless it is to")
    func probe() async throws {
        let history = try FakeSiteTests.history(seed: 32, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            client.site.setFaults { $0.serverErrors = 1 }
            for _ in 0..<10 { #expect(try await client.ask("/me").status == 200) }
            #expect(try await client.ask("/me/collaborations").status >= 500)
            client.site.setFaults { $0.probe = true }
            #expect(try await client.ask("/me").status >= 500)
        }
    }

    @Test("What always fails does so, alone, until it is mended")
    func alwaysFailing() async throws {
        let history = try FakeSiteTests.history(seed: 33, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            client.site.advance(to: history.end)
            let workflows = Array(history.workflows)
            let (pipeline, workflow) = (workflows[0].pipeline.id, workflows[1].id)
            client.site.setFaults { $0.alwaysFailing = [pipeline, workflow] }
            for _ in 0..<3 {
                #expect(try await client.ask("/pipeline/\(pipeline)/workflow").status == 500)
                #expect(try await client.ask("/workflow/\(workflow)/job").status == 500)
            }
            #expect(try await client.ask("/pipeline/\(pipeline)").status == 200)
            #expect(try await client.ask("/workflow/\(workflow)").status == 200)
            #expect(try await client.ask("/workflow/\(workflows[2].id)/job").status == 200)
            client.site.setFaults { $0.alwaysFailing = [] }
            #expect(try await client.ask("/pipeline/\(pipeline)/workflow").status == 200)
        }
    }

    @Test(
        "A window lets so many calls of a key in, tells the lower number in the strict family, and opens anew",
        arguments: [FakeAPIFaults.RateWindow.Family.standard, .perUnit]
    )
    func window(family: FakeAPIFaults.RateWindow.Family) async throws {
        let history = try FakeSiteTests.history(seed: 34, rate: 0)
        let elapsed = Mutex(Duration.zero)
        let change = { @Sendable (options: inout FakeSiteOptions) in
            options.elapsed = { elapsed.withLock { $0 } }
            options.faults.window = .init(callCount: 5, length: .seconds(60), strictFamily: family)
        }
        try await FakeSiteClient.run(history, change) { client async throws in
            client.site.addKey("other", login: "dev-2")
            let isStandard = family == .standard
            for round in 0..<3 {
                for call in 1...8 {
                    let answer = try await client.ask("/me/collaborations")
                    func number(_ name: String) -> Int? { answer.headers.first(name: name).flatMap { Int($0) } }
                    #expect(answer.status == (call <= 5 ? 200 : 429))
                    let strict = isStandard ? "ratelimit-remaining" : "x-ratelimit-remaining-minute"
                    let loose = isStandard ? "x-ratelimit-remaining-minute" : "ratelimit-remaining"
                    #expect(number(strict) == max(0, 5 - call) && number(loose) == 15 - call)
                    #expect(number("ratelimit-limit") == (isStandard ? 5 : 15))
                    #expect(number("x-ratelimit-limit-minute") == (isStandard ? 15 : 5))
                    #expect(number("ratelimit-reset") == 60 && number("x-ratelimit-reset-minute") == 60)
                    #expect(number("retry-after") == (call <= 5 ? nil : 60))
                }
                if round == 0 {
                    #expect(try await client.ask("/me", headers: ["circle-token": "other"]).status == 200)
                }
                elapsed.withLock { $0 += .seconds(60) }
            }
        }
    }

    @Test("Latency is waited for through the given sleep, within its range")
    func latency() async throws {
        let history = try FakeSiteTests.history(seed: 35, rate: 0)
        let waits = Mutex<[Duration]>([])
        let change = { @Sendable (options: inout FakeSiteOptions) in
            options.sleep = { wait in waits.withLock { $0.append(wait) } }
            options.faults.latency = .seconds(100) ... .seconds(200)
        }
        try await FakeSiteClient.run(history, change) { client async throws in
            for _ in 0..<20 { #expect(try await client.ask("/me").status == 200) }
        }
        let all = waits.withLock { $0 }
        #expect(all.count == 20 && Set(all).count > 10)
        #expect(all.allSatisfy { $0 >= .seconds(100) && $0 <= .seconds(200) })
    }

    @Test("Of calls without an answer some are done and some are not")
    func droppedCalls() async throws {
        let history = try FakeSiteTests.history(seed: 36, rate: 0)
        try await FakeSiteClient.run(history) { client async throws in
            client.site.setFaults { $0.droppedConnections = 1 }
            for project in history.projects {
                for number in 0..<3 {
                    let draft = FakeSiteClient.draft(project, url: "http://127.0.0.1:1/\(number)")
                    await #expect(throws: (any Error).self) { try await client.ask("/webhook", .POST, body: draft) }
                }
            }
            #expect((1..<history.projects.count * 3).contains(client.site.hooks().count))
            #expect(client.site.calls == [FakeCall("POST", "/webhook", nil): history.projects.count * 3])
        }
    }
}
