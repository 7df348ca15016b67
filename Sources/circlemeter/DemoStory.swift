import FakeCircleCI
import Foundation
import Meter
import Synchronization
import Usage
import Wire

/// What happens in the demo, one thing after the other, each said on the terminal.
struct DemoStory: Sendable {
    let site: FakeSite
    let directory: DataDirectory
    let dashboardURL: String
    let days: Int
    let rate: Double
    /// Whether nobody is there to press Reconnect.
    let isHurried: Bool

    private static let liveDeliveryCount = 400
    private static let secondsToReconnect = 90

    func tell() async throws {
        let (liveStart, now) = times()
        try await connect()
        try await deliverPast(through: liveStart)
        try await fillIn(since: "\(site.history.options.firstDay)")
        try await deliverToday(through: now)
        try await settle(site.history.organizations[0])
        try await reconnect()
        try await fillIn(since: "\(liveStart.day)")
        try await settle(site.history.organizations[1])
        try await compare()
    }

    /// As time goes by, until the demo is stopped.
    func goOn() async {
        Console.error("\nFrom here on it goes at its own pace: a pipeline now and then, until Ctrl-C.")
        var options = WebhookSender.Options()
        options.faults.dropRate = 0.1
        while !Task.isCancelled {
            await site.deliver(through: .now, options)
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// When the last deliveries before now begin.
    private func times() -> (liveStart: Timestamp, now: Timestamp) {
        let now = Timestamp.now
        var sentAt: [Timestamp] = []
        for delivery in site.history.deliveries {
            guard delivery.sentAt <= now else { break }
            sentAt.append(delivery.sentAt)
        }
        return (sentAt.suffix(DemoStory.liveDeliveryCount).first ?? now, now)
    }

    private func connect() async throws {
        for organization in site.history.organizations {
            let id = DemoStory.id(organization)
            let key = "demo-key-of-\(id)"
            site.addKey(key, login: "admin-of-\(id)", organizations: [organization.index])
            let expires = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch + (organization.index == 0 ? 200 : 6))
            let new = try NewConnection(
                id: id,
                organization: organization.id,
                webhookSecret: nil,
                apiKey: Secret(Array(key.utf8)),
                keyExpires: expires,
                now: .now
            )
            let bytes = try await ConnectionRequest.add(new).perform(directory)
            let answer = try JSONDecoder().decode(HooksAnswer.self, from: Data(bytes))
            let created = answer.projects.count { $0.outcome == "created" }
            Console.error("\(id): connected with an API key; webhooks made on \(created) projects")
        }
    }

    private func deliverPast(through liveStart: Timestamp) async throws {
        var options = WebhookSender.Options()
        options.faults.seed = site.options.seed
        options.faults.duplicateRate = 0.05
        options.faults.dropRate = 0.02
        options.faults.reorderWindow = 8
        options.concurrency = 16
        let report = await deliver(through: liveStart, options)
        Console.error(
            "the past \(days) days: \(report.counts.acknowledgedCount) deliveries taken, "
                + "\(report.counts.droppedCount) lost on the way, \(report.counts.duplicateCount) sent twice"
        )
    }

    private func deliverToday(through now: Timestamp) async throws {
        var options = WebhookSender.Options()
        options.faults.seed = site.options.seed
        options.faults.dropRate = 0.1
        options.concurrency = 4
        options.pace = .perSecond(rate)
        site.revoke("demo-key-of-globex")
        Console.error("\nnow comes today; somebody has revoked globex's API key, and every tenth delivery is lost")
        let report = await deliver(through: now, options)
        Console.error(
            "today: \(report.counts.acknowledgedCount) deliveries taken, \(report.counts.droppedCount) lost on the way"
        )
    }

    private func reconnect() async throws {
        let key = "new-demo-key-of-globex"
        site.addKey(key, login: "admin-of-globex", organizations: [1])
        try await state(of: "globex") { $0 == "reconnect_required" }
        Console.error(
            "\nglobex: CircleCI rejects the key, and the dashboard says Reconnect (\(dashboardURL)/connections)"
        )
        if !isHurried {
            Console.error("  Reconnect it there with the key  \(key)")
            Console.error("  (nobody does it within \(DemoStory.secondsToReconnect) s: the demo will)")
            for _ in 0..<DemoStory.secondsToReconnect {
                try await Task.sleep(for: .seconds(1))
                if try await current("globex").state != "reconnect_required" { break }
            }
        }
        if try await current("globex").state == "reconnect_required" {
            _ = try await ConnectionRequest.reconnect("globex", key: Secret(Array(key.utf8)), expires: nil)
                .perform(directory)
        }
        Console.error("globex: reconnected; what was missed meanwhile is asked for")
    }

    /// Asks the API for what was lost.
    private func fillIn(since: String) async throws {
        let body = try JSONSerialization.data(withJSONObject: ["since": since])
        for organization in site.history.organizations {
            let id = DemoStory.id(organization)
            let added = Mutex(0)
            var output = ReconcileOutput(isJSON: false, isQuiet: true)
            try await RunningService(directory).lines("/api/v1/connections/\(id)/reconcile", body: body) { line in
                output.take(line)
                struct Report: Decodable { var added: Int }
                if let report = try? JSONDecoder().decode(Report.self, from: line) {
                    added.withLock { $0 = report.added }
                }
            }
            _ = output.finish()
            Console.error("\(id): \(added.withLock { $0 }) lost events were asked of CircleCI's API and filled in")
        }
    }

    /// Settles credits by what the API exports.
    private func settle(_ organization: FakeOrganization) async throws {
        let id = DemoStory.id(organization)
        let output = SettleOutput(id, isJSON: false, isQuiet: true)
        Console.error("\n\(id): CircleCI is asked for a usage export")
        try await RunningService(directory).lines("/api/v1/connections/\(id)/settle", body: Data()) { output.take($0) }
        guard output.finish() else { return Console.error("\(id): the usage export could not be had") }
        let outcome = output.outcome
        Console.error(
            "\(id): \(DecimalText.credits(outcome.credits)) credits of \(outcome.rows) job runs settled through "
                + "\(outcome.settledThrough ?? "no day"); credits of later runs are provisional"
        )
    }

    /// Holds the counters against what really ran.
    private func compare() async throws {
        struct Snapshot: Decodable {
            struct Job: Decodable { var runs: [String: Int] }
            var jobs: [Job]
        }
        let ran = site.truth().count { $0.kind == .job && $0.status != "not_run" }
        var counted = 0
        // The snapshot follows the log by some tenths of a second.
        for _ in 0..<50 {
            let bytes = try await RunningService(directory).get("/api/v1/snapshot")
            let jobs = try JSONDecoder().decode(Snapshot.self, from: Data(bytes)).jobs
            counted = jobs.reduce(0) { $0 + $1.runs.values.reduce(0, +) }
            if counted == ran { break }
            try await Task.sleep(for: .milliseconds(200))
        }
        Console.error("\nCircleCI ran \(ran) jobs; circlemeter counts \(counted)")
    }

    private func deliver(through instant: Timestamp, _ options: WebhookSender.Options) async -> SiteSendReport {
        let sent = Mutex(0)
        let report = await site.deliver(through: instant, options) { _ in
            let count = sent.withLock { count in
                count += 1
                return count
            }
            if Console.isTerminal, count % 10 == 0 { Console.status("\r\u{1b}[K\(count) deliveries taken") }
        }
        if Console.isTerminal { Console.status("\r\u{1b}[K") }
        return report
    }

    private func current(_ id: String) async throws -> ConnectionAnswer {
        let bytes = try await ConnectionRequest.show(id).perform(directory)
        return try JSONDecoder().decode(ConnectionAnswer.self, from: Data(bytes))
    }

    private func state(of id: String, _ isWanted: (String) -> Bool) async throws {
        while try await !isWanted(current(id).state) { try await Task.sleep(for: .milliseconds(300)) }
    }

    private static func id(_ organization: FakeOrganization) -> String {
        organization.index == 0 ? "acme" : "globex"
    }
}
