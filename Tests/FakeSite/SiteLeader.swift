import FakeCircleCI
import Foundation
import Wire

/// Does with a made-up site what commands say.
struct SiteLeader {
    private struct Due {
        let sentAt: Timestamp
        let webhookID: String
    }

    private let site: FakeSite
    /// All deliveries of the history, in the order of sending.
    private let due: [Due]

    init(site: FakeSite) {
        self.site = site
        due = site.history.deliveries.map { Due(sentAt: $0.sentAt, webhookID: $0.webhookID) }
    }

    struct Description: Encodable {
        struct Organization: Encodable {
            let id: String
            let name: String
            let slug: String
            let projects: [Project]
        }

        struct Project: Encodable {
            let slug: String
            let name: String
        }

        let url: String
        let now: String
        let organizations: [Organization]
    }

    func description(url: String) -> Description {
        let organizations = site.history.organizations.map { organization in
            Description.Organization(
                id: organization.id,
                name: organization.name,
                slug: "gh/\(organization.name)",
                projects: organization.projects.map { Description.Project(slug: $0.slug, name: $0.name) }
            )
        }
        return Description(url: url, now: site.now.description, organizations: organizations)
    }

    /// - Parameter words: A command and what belongs to it.
    /// - Returns: What became of it; ``SiteMisuse`` where it cannot be followed.
    func answer(to words: [String]) async -> any Encodable {
        do throws(SiteMisuse) {
            return try await follow(words)
        } catch {
            return error
        }
    }

    private func follow(_ words: [String]) async throws(SiteMisuse) -> any Encodable {
        switch (words[0], words.count) {
        case ("add-key", 3):
            guard let organization = site.history.organizations.first(where: { $0.name == words[2] }) else {
                throw SiteMisuse("there is no organization of that name")
            }
            site.addKey(words[1], login: "admin-of-\(organization.name)", organizations: [organization.index])
            return Done()
        case ("revoke", 2):
            site.revoke(words[1])
            return Done()
        case ("deliver", 2...3):
            guard let count = Int(words[1]), count > 0 else { throw SiteMisuse("COUNT is a number above 0") }
            guard let instant = instant(ofDelivery: count) else {
                throw SiteMisuse("the history has no \(count) more deliveries to the webhooks that are registered")
            }
            return await deliver(through: instant, dropRate: try Self.dropRate(words))
        case ("deliver-through", 2...3):
            guard let instant = words[1] == "now" ? .now : Timestamp(words[1]) else {
                throw SiteMisuse("INSTANT is written as in 2026-11-22T08:16:08Z")
            }
            return await deliver(through: instant, dropRate: try Self.dropRate(words))
        case ("truth", 1): return truth()
        default: throw SiteMisuse("no such command; --help names them")
        }
    }

    struct Done: Encodable {
        var isDone = true
    }

    struct Delivered: Encodable {
        let acknowledged: Int
        let dropped: Int
        let now: String
    }

    struct Truth: Encodable {
        struct Runs: Encodable {
            var jobRuns = 0
            var workflowRuns = 0
        }

        var organizations: [String: Runs] = [:]
    }

    private func deliver(through instant: Timestamp, dropRate: Double) async -> Delivered {
        var options = WebhookSender.Options()
        options.faults.seed = site.options.seed
        options.faults.dropRate = dropRate
        let report = await site.deliver(through: instant, options)
        return Delivered(
            acknowledged: report.acknowledged.count,
            dropped: report.counts.droppedCount,
            now: site.now.description
        )
    }

    /// When the so-manieth of the next deliveries is due for which a webhook is registered.
    private func instant(ofDelivery count: Int) -> Timestamp? {
        let registered = Set(site.hooks().map(\.id))
        let next = due.lazy.filter { $0.sentAt > site.now && registered.contains($0.webhookID) }
        return next.dropFirst(count - 1).first?.sentAt
    }

    private func truth() -> Truth {
        var truth = Truth()
        for run in site.truth() where run.status != "not_run" {
            let name = site.history.organizations[run.organizationIndex].name
            switch run.kind {
            case .job: truth.organizations[name, default: Truth.Runs()].jobRuns += 1
            case .workflow: truth.organizations[name, default: Truth.Runs()].workflowRuns += 1
            }
        }
        return truth
    }

    private static func dropRate(_ words: [String]) throws(SiteMisuse) -> Double {
        guard words.count > 2 else { return 0 }
        guard let rate = Double(words[2]), (0...1).contains(rate) else {
            throw SiteMisuse("DROP-RATE is a number from 0 to 1")
        }
        return rate
    }
}

/// A command that could not be followed, as the answer to it.
struct SiteMisuse: Error, Encodable {
    let error: String

    init(_ error: String) {
        self.error = error
    }
}
