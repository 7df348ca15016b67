import CircleCI
import FakeCircleCI
import NIOHTTP1
import Synchronization
import TestSupport
import Testing
import Wire

/// Deliveries of a site: really posted to the webhooks that are there.
struct FakeSiteDeliveryTests {
    @Test(
        "Registered webhooks are posted the history's deliveries for them, each signed with its own secret",
        arguments: 0..<3
    )
    func deliveries(round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        let history = try FakeSiteTests.history(seed: seed, rate: 0.2) { $0.pipelinesPerDay = 15 }
        try await FakeHTTPServer.run({ _ in .answer(200, "{}") }) { server in
            try await FakeSiteClient.run(history) { client async throws in
                var secrets: [String: WebhookSecret] = [:]
                // The last project has no webhook; another has one more than the history.
                for (index, project) in history.projects.dropLast().enumerated() {
                    for number in 0..<(project.webhooks.count + (index == 0 ? 1 : 0)) {
                        let secret = "\(project.id) \(number)"
                        let draft = FakeSiteClient.draft(
                            project,
                            url: "\(server.url)/\(project.id)/\(number)",
                            secret: secret
                        )
                        let made = try await client.ask("/webhook", .POST, body: draft)
                        let id = try #require(made.object["id"] as? String)
                        secrets["/\(project.id)/\(number)"] = try WebhookSecret(Array(secret.utf8))
                        #expect((number < project.webhooks.count) == project.webhooks.contains { $0.id == id })
                    }
                }
                let unheard = history.projects.last?.webhooks.map(\.id) ?? []
                let expected = history.deliveries.filter { !unheard.contains($0.webhookID) }
                // In three parts, which are as good as one.
                var report = SiteSendReport()
                let noon = FakeSiteTests.noon(history)
                for instant in [noon, Timestamp(microseconds: noon.microseconds + 10_000_000_000), history.end] {
                    let part = await client.site.deliver(through: instant)
                    #expect(client.site.now == instant)
                    report.acknowledged.formUnion(part.acknowledged)
                    report.counts.acknowledgedCount += part.counts.acknowledgedCount
                    report.unheardCount += part.unheardCount
                }
                #expect(report.counts.acknowledgedCount == expected.count)
                #expect(report.unheardCount == history.deliveries.count(where: { unheard.contains($0.webhookID) }))
                #expect(report.acknowledged == client.site.acknowledged)
                #expect(
                    report.acknowledged
                        == Set(expected.map { DeliveredEvent(webhookID: $0.webhookID, eventID: $0.eventID) })
                )
                let requests = server.requests
                #expect(Set(requests.map(\.body)) == Set(expected.map(\.body)), "seed \(seed)")
                #expect(requests.count == expected.count)
                for request in requests {
                    let secret = try #require(secrets[request.path])
                    let header = try #require(request.headers.first(name: "circleci-signature"))
                    #expect(header == WebhookSignature.header(for: request.body, secret: secret))
                    let event = try FakeEvent(request.body)
                    let id = try #require(event["webhook", "id"] as? String)
                    let hook = try #require(client.site.hooks().first { $0.id == id })
                    #expect(hook.url.hasSuffix(request.path) && request.eventType == event.type)
                }
            }
        }
    }

    @Test("A webhook that is changed or deleted at CircleCI is so for what comes after, and made again it goes on")
    func drift() async throws {
        let history = try FakeSiteTests.history(seed: 54, rate: 0) { $0.projectCount = 1 }
        let project = history.projects[0]
        let all = Array(history.deliveries)
        func split(_ index: Int) -> Timestamp { all[all.count * index / 5].sentAt }
        try await FakeHTTPServer.run({ _ in .answer(200, "{}") }) { server in
            try await FakeSiteClient.run(history) { client async throws in
                let site = client.site
                let hook = try #require(
                    site.createHook(projectSlug: project.slug, name: "x", url: server.url + "/a", secret: "s")
                )
                await site.deliver(through: split(1))
                #expect(
                    site.changeHook(hook.id) {
                        $0.url = server.url + "/b"; $0.events = ["job-completed"]
                    }
                )
                await site.deliver(through: split(2))
                #expect(site.deleteHook(hook.id) && !site.deleteHook(hook.id))
                let report = await site.deliver(through: split(3))
                #expect(report.acknowledged.isEmpty && report.unheardCount > 0 && report.counts.tryCount == 0)
                // Time in which nobody posts and no webhook is there: a webhook does not hear of what was before it.
                let late = Timestamp(microseconds: all[all.count * 7 / 10].sentAt.microseconds + 1)
                site.advance(to: late)
                let again = try #require(
                    site.createHook(projectSlug: project.slug, name: "x", url: server.url + "/c", secret: "")
                )
                #expect(again.id == hook.id)
                await site.deliver(through: split(4))
                site.skipDeliveries(through: history.end)
                #expect(site.nextDue == nil && site.now == history.end)
                var counts: [String: Int] = [:]
                for request in server.requests {
                    counts[request.path, default: 0] += 1
                    #expect(request.headers["circleci-signature"].isEmpty == (request.path == "/c"))
                }
                func count(_ from: Timestamp?, _ to: Timestamp, _ isSent: (GeneratedDelivery) -> Bool = { _ in true })
                    -> Int
                {
                    all.count { ($0.sentAt > from ?? Timestamp(microseconds: 0)) && $0.sentAt <= to && isSent($0) }
                }
                #expect(
                    counts == [
                        "/a": count(nil, split(1)), "/b": count(split(1), split(2)) { $0.eventType == "job-completed" },
                        "/c": count(late, split(4)),
                    ]
                )
            }
        }
    }

    @Test("Retries go to where the webhook leads by then, and end when it is deleted")
    func retries() async throws {
        let history = try FakeSiteTests.history(seed: 55, rate: 0) { $0.projectCount = 1 }
        let hookID = history.projects[0].webhooks[0].id
        let site = Mutex<FakeSite?>(nil)
        let script = { @Sendable (request: FakeHTTPServer.Request) -> FakeHTTPServer.Reply in
            if request.path == "/new" { return .answer(200, "{}") }
            site.withLock { $0 }?.changeHook(hookID) { $0.url = $0.url.replacing("/old", with: "/new") }
            return .answer(503, "")
        }
        try await FakeHTTPServer.run(script) { server in
            try await FakeSiteClient.run(history) { client async throws in
                site.withLock { $0 = client.site }
                client.site.createHook(
                    projectSlug: history.projects[0].slug,
                    name: "x",
                    url: server.url + "/old",
                    secret: "s"
                )
                var sending = WebhookSender.Options()
                sending.concurrency = 1
                sending.retries.firstDelay = .zero
                let report = await client.site.deliver(through: FakeSiteTests.noon(history), sending)
                #expect(report.counts.answerCounts[503] == 1)
                #expect(report.counts.acknowledgedCount == report.counts.deliveryCount)
                #expect(server.requests.map(\.path).prefix(2) == ["/old", "/new"])
            }
        }
        let deleting = { @Sendable (request: FakeHTTPServer.Request) -> FakeHTTPServer.Reply in
            site.withLock { $0 }?.deleteHook(hookID)
            return .answer(503, "")
        }
        try await FakeHTTPServer.run(deleting) { server in
            try await FakeSiteClient.run(history) { client async throws in
                site.withLock { $0 = client.site }
                client.site.createHook(projectSlug: history.projects[0].slug, name: "x", url: server.url, secret: "s")
                var sending = WebhookSender.Options()
                sending.concurrency = 1
                sending.retries.firstDelay = .zero
                let report = await client.site.deliver(through: history.end, sending)
                #expect(server.requests.count == 1 && report.counts.unregisteredCount == 1)
            }
        }
        site.withLock { $0 = nil }
    }

    @Test("Faults on the way drop, double and reorder what is registered; what was taken is known")
    func faults() async throws {
        let history = try FakeSiteTests.history(seed: 56, rate: 0.1)
        try await FakeHTTPServer.run({ _ in .answer(200, "{}") }) { server in
            try await FakeSiteClient.run(history) { client async throws in
                for project in history.projects {
                    client.site.createHook(projectSlug: project.slug, name: "x", url: server.url, secret: "s")
                }
                var sending = WebhookSender.Options()
                sending.faults.dropRate = 0.2
                sending.faults.duplicateRate = 0.2
                sending.faults.reorderWindow = 10
                let counts = await client.site.deliver(through: history.end, sending).counts
                #expect(counts.droppedCount > 0 && counts.duplicateCount > 0)
                #expect(client.site.acknowledged.count == counts.deliveryCount - counts.droppedCount)
                #expect(Set(server.requests.map(\.body)).count == client.site.acknowledged.count)
                #expect(server.requests.count == client.site.acknowledged.count + counts.duplicateCount)
            }
        }
    }

    @Test("The clock goes along: each delivery is posted at its own time, at the pace that is given")
    func clock() async throws {
        let history = try FakeSiteTests.history(seed: 57, rate: 0) { $0.projectCount = 1 }
        let site = Mutex<FakeSite?>(nil)
        let times = Mutex<[Timestamp]>([])
        let script = { @Sendable (request: FakeHTTPServer.Request) -> FakeHTTPServer.Reply in
            let now = site.withLock { $0?.now }
            if let now { times.withLock { $0.append(now) } }
            return .answer(200, "{}")
        }
        try await FakeHTTPServer.run(script) { server in
            try await FakeSiteClient.run(history) { client async throws in
                site.withLock { $0 = client.site }
                client.site.createHook(
                    projectSlug: history.projects[0].slug,
                    name: "x",
                    url: server.url,
                    secret: "s"
                )
                var sending = WebhookSender.Options()
                sending.concurrency = 1
                sending.pace = .timeline(speed: 10_000_000)
                await client.site.deliver(through: history.end, sending)
            }
        }
        site.withLock { $0 = nil }
        #expect(times.withLock { $0 } == history.deliveries.map(\.sentAt))
    }
}
