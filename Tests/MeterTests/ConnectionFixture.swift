import TestSupport
import Testing
import Wire

@testable import Meter

/// A store, a monitor, a log and a CircleCI, all made up but the store.
struct AdministrationFixture {
    let directory = TemporaryDirectory()
    let key = MasterKey.random()
    let events = RecordedEvents()
    let site: ConnectionCircleCI
    let store: ConnectionStore
    let monitor: ConnectionMonitor
    let administration: ConnectionAdministration

    init(
        _ site: ConnectionCircleCI = ConnectionCircleCI(),
        publicURL: String? = "https://meter.example"
    ) async throws {
        self.site = site
        store = try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(key))
        monitor = events.monitor()
        administration = ConnectionAdministration(
            store: store,
            monitor: monitor,
            makeAPI: { key in
                _ = try key.asAPIKey()
                return site.api(key)
            },
            publicURL: publicURL,
            append: { [events] in try events.append($0) },
            now: { [events] in events.now }
        )
    }

    static let hookURL = "https://meter.example/webhooks/circleci/acme"

    func new(
        organization: String = "github/acme",
        secret: String? = nil,
        projects: [String] = [],
        key: String? = "key-one",
        createsHooks: Bool? = nil
    ) throws -> NewConnection {
        try NewConnection(
            id: "acme",
            organization: organization,
            webhookSecret: secret.map { Secret(Array($0.utf8)) },
            projects: projects,
            apiKey: key.map { Secret(Array($0.utf8)) },
            createsHooks: createsHooks,
            now: events.now
        )
    }

    /// `project outcome`, in the order of the report.
    func outcomes(_ report: HooksReport) -> [String] {
        report.projects.map { "\($0.slug) \($0.outcome.word)" }
    }

    func currentSecret() throws -> String {
        String(decoding: try #require(store.get("acme")).currentSecret.secret.bytes, as: UTF8.self)
    }
}
