import NIOCore
import Synchronization
public import Wire

/// A stand-in for circleci.com: the API over a made-up history as of an instant, and webhooks that are really created,
/// and then really posted.
///
/// ```swift
/// let site = FakeSite(history: history)
/// let url = try await site.start()                      // http://127.0.0.1:PORT
/// site.addKey("a-key", login: "dev-1")
/// // ... the meter connects with that key and creates webhooks ...
/// var sending = WebhookSender.Options()
/// sending.faults.dropRate = 0.15
/// await site.deliver(through: noon, sending)            // the clock goes along
/// site.setFaults { $0.serverErrors = 0.1 }
/// // ... the meter reconciles ...
/// let truth = site.truth()                              // what it must know now
/// try await site.stop()
/// ```
/// Everything that happens follows from the history, the options' seed and the calls. Time stands still but for
/// ``advance(to:)`` and ``deliver(through:_:onAcknowledged:)``.
/// Safe to use from several tasks; several sites share nothing.
public final class FakeSite: Sendable {
    public let history: FakeHistory
    public let options: FakeSiteOptions
    let world: SiteWorld
    let state: Mutex<SiteState>
    private let server = Mutex<SiteServer?>(nil)

    /// Walks the history once and keeps all of it.
    public init(history: FakeHistory, options: FakeSiteOptions = FakeSiteOptions()) {
        precondition(options.pageSize > 0)
        self.history = history
        self.options = options
        world = SiteWorld(history: history, options: options)
        let firstMidnight = Int64(history.options.firstDay.daysSinceEpoch) * 86_400_000_000
        let now = options.now ?? Timestamp(microseconds: firstMidnight)
        state = Mutex(SiteState(now: now, faults: options.faults, deliveries: history.deliveries.makeIterator()))
    }

    /// Runs a site while `body` runs.
    public static func run<Result>(
        _ history: FakeHistory,
        options: FakeSiteOptions = FakeSiteOptions(),
        _ body: (_ site: FakeSite, _ url: String) async throws -> Result
    ) async throws -> Result {
        let site = FakeSite(history: history, options: options)
        let url = try await site.start()
        do {
            let result = try await body(site, url)
            try await site.stop()
            return result
        } catch {
            try? await site.stop()
            throw error
        }
    }

    /// Listens on a loopback port of its own.
    ///
    /// - Returns: The URL that stands for `https://circleci.com`.
    public func start() async throws -> String {
        precondition(server.withLock { $0 == nil }, "The site runs already")
        let server = try await SiteServer.start { [self] request in await reply(to: request) }
        self.server.withLock { $0 = server }
        state.withLock { $0.url = server.url }
        return server.url
    }

    /// Listens no more, and closes what connections there are.
    public func stop() async throws {
        let server = server.withLock { server in
            defer { server = nil }
            return server
        }
        try await server?.stop()
    }

    // MARK: The clock

    /// The instant as of which the API answers.
    public var now: Timestamp { state.withLock { $0.now } }

    /// Lets time pass; never back. Deliveries that become due stay due.
    public func advance(to instant: Timestamp) {
        state.withLock { $0.advance(to: instant) }
    }

    // MARK: Faults and calls

    public var faults: FakeAPIFaults { state.withLock { $0.faults } }

    public func setFaults(_ change: (inout FakeAPIFaults) -> Void) {
        state.withLock { change(&$0.faults) }
    }

    /// The calls since the start, or since they were reset.
    public var calls: [FakeCall: Int] { state.withLock { $0.calls } }

    /// The number of calls of an endpoint, such as `/pipeline/{id}/workflow`, whatever the method and the answer.
    public func callCount(_ endpoint: String) -> Int {
        calls.reduce(0) { $1.key.endpoint == endpoint ? $0 + $1.value : $0 }
    }

    /// The number of all calls.
    public var callCount: Int { calls.values.reduce(0, +) }

    public func resetCalls() {
        state.withLock { $0.calls = [:] }
    }

    // MARK: Usage exports

    /// The usage exports that were started, in that order.
    public var usageExports: [StartedUsageExport] {
        state.withLock { state in
            state.exports.sorted { $0.value.number < $1.value.number }
                .map { StartedUsageExport(id: $0.key, days: $0.value.days, startedAt: $0.value.startedAt) }
        }
    }

    /// What addresses of files were signed with: none of it may be found anywhere.
    public var usageExportSignatures: Set<String> { state.withLock { $0.exportSignatures } }

    /// From now on the usage exports but for the first so many are known no more.
    public func forgetUsageExports(after count: Int = 0) {
        let ids = usageExports.dropFirst(count).map(\.id)
        state.withLock { state in
            for id in ids { state.exports[id]?.isForgotten = true }
        }
    }

    // MARK: The truth

    /// The runs that a meter must know which took what was acknowledged so far and then read the API completely, now.
    ///
    /// - Parameter exceptions: What could not be fetched; nil: what always fails.
    public func truth(except exceptions: Set<String>? = nil) -> [TrueRun] {
        let (now, told, failing) = state.withLock { ($0.now, $0.acknowledged, $0.faults.alwaysFailing) }
        let isTold = { @Sendable (webhook: String, event: String) in
            told.contains(DeliveredEvent(webhookID: webhook, eventID: event))
        }
        return Array(history.runs(toldBy: isTold, apiAsOf: now, except: exceptions ?? failing))
    }
}

/// A usage export that somebody has started.
public struct StartedUsageExport: Hashable, Sendable {
    public let id: String
    public let days: ClosedRange<Day>
    public let startedAt: Timestamp
}

/// A delivery by its webhook and its event.
public struct DeliveredEvent: Hashable, Sendable {
    public let webhookID: String
    public let eventID: String

    public init(webhookID: String, eventID: String) {
        self.webhookID = webhookID
        self.eventID = eventID
    }
}

/// What changes of a site.
struct SiteState: Sendable {
    var now: Timestamp
    var faults: FakeAPIFaults
    var deliveries: SiteDeliveryCursor
    var keys: [String: SiteKey] = [:]
    /// By id.
    var hooks: [String: SiteHook] = [:]
    var hookCount = 0
    var calls: [FakeCall: Int] = [:]
    /// How often each call was made, for the faults.
    var attempts: [String: Int] = [:]
    /// By key.
    var windows: [String: SiteWindow] = [:]
    var acknowledged: Set<DeliveredEvent> = []
    /// By id.
    var exports: [String: SiteExport] = [:]
    /// When exports were started and looked at, by organization: ten of each an hour.
    var exportStarts: [String: [Timestamp]] = [:]
    var exportLooks: [String: [Timestamp]] = [:]
    var exportSignatures: Set<String> = []
    /// The address under which the site is reached.
    var url = ""

    init(now: Timestamp, faults: FakeAPIFaults, deliveries: FakeDeliveries.Iterator) {
        self.now = now
        self.faults = faults
        self.deliveries = SiteDeliveryCursor(deliveries)
    }

    mutating func advance(to instant: Timestamp) {
        now = max(now, instant)
    }
}
