import EventLog
import FakeCircleCI
import Wire

@testable import Meter

/// A service and its CircleCI through some days in which everything goes wrong that can. What is planned to happen follows
/// from the seed. What does not: which records share a batch of the log, since the log has a thread of its own, and so at
/// which of its calls a death strikes; and the order of calls to CircleCI that are under way together.
actor Simulation {
    let plan: SimulationPlan
    let world: SimulatedWorld
    let deliveries: [GeneratedDelivery]
    var random: SeededGenerator
    var agenda = Agenda()
    private(set) var service: SimulatedService?
    private var losesPower = false
    /// Where the log durably ended as far as the process that died of a loss of power knew; nil: none has since the start.
    private var promisedSequence: Int?
    /// Records of a batch that nobody was promised: a loss of power may damage its middle, and what cannot be told from
    /// damage is reported rather than cut.
    private(set) var tornSequences: [ClosedRange<Int>] = []

    /// By place in the history.
    var sent: Set<Int> = []
    var acknowledged: Set<Int> = []
    /// Whether the log's memory of deliveries may have been shorter than the log.
    private(set) var mayRepeat = false
    var organizations: [SimulatedOrganization] = []
    private(set) var apiIsCalm = true
    private(set) var diskIsCalm = true
    private(set) var latestClockError: Int64 = 0

    private(set) var story: [String] = []
    private(set) var problems: [String] = []
    private(set) var counts: [String: Int] = [:]

    init(seed: UInt64) {
        plan = SimulationPlan(seed: seed)
        random = SeededGenerator(seed: seed ^ 0x51)
        let history = FakeHistory(options: plan.history)
        deliveries = Array(history.deliveries)
        var world = SimulatedWorld(seed: seed, history: history, site: plan.site)
        world.logOptions.maximumSegmentBytes = plan.maximumSegmentBytes
        world.reconcileOptions = plan.reconcileOptions
        self.world = world
    }

    /// Runs all of it, to the audit.
    func run() async throws {
        try await connect()
        planAhead()
        while let next = agenda.next() {
            world.time.advance(to: next.at)
            await happen(next.what)
            await buryIfDead()
        }
        try await settle()
        if let audit = await SimulationAudit(self) { problems += try await audit.problems() }
        await service?.end()
    }

    // MARK: For the story

    func tell(_ text: String) {
        story.append("\(world.time.now) \(text)")
    }

    func blame(_ problem: String) {
        tell("PROBLEM: \(problem)")
        problems.append(problem)
    }

    func count(_ what: String, _ count: Int = 1) { counts[what, default: 0] += count }

    // MARK: The beginning

    private func connect() async throws {
        world.network.setOnCall { [weak self] in await self?.deliverDue() }
        let service = try await SimulatedService.start(in: world)
        self.service = service
        for organization in world.site.history.organizations {
            let key = "key-\(organization.index)-0"
            world.site.addKey(key, login: "dev-1", organizations: [organization.index])
            organizations.append(SimulatedOrganization(index: organization.index, key: key))
            let slugs = organization.projects.map(\.slug)
            let report = try await service.administration.connect(
                try NewConnection(
                    id: LiveService.connection(organization.index),
                    organization: slugs[0].split(separator: "/").prefix(2).joined(separator: "/"),
                    webhookSecret: nil,
                    projects: slugs,
                    apiKey: Secret(Array(key.utf8)),
                    now: world.time.clock
                )
            )
            if !report.hooks.isGood { blame("not all hooks were made: \(report.hooks)") }
        }
    }

    // MARK: What happens

    func happen(_ what: Happening) async {
        switch what {
        case .send(let index): await send(index)
        case .arrive(let index, let signature, let connection, let attempt):
            await arrive(index, signature, connection, attempt)
        case .pass:
            if !agenda.isOver { agenda.add(.pass, at: world.time.now.adding(seconds: plan.periodSeconds)) }
            await pass()
        case .die(let calls, let losesPower):
            self.losesPower = losesPower
            tell("the \(losesPower ? "power goes" : "process dies") \(calls) calls from now")
            world.disk.die(afterCalls: calls)
        case .start: await start()
        case .restart:
            guard let service else { return }
            tell("stopped in good order, and started")
            self.service = nil
            await service.end()
            world.disk.revive(losesPower: false)
            world.rememberSnapshot()
            await start()
        case .disk(let trouble):
            tell("disk: \(trouble)")
            diskIsCalm = !trouble.isFull && trouble.failures == 0
            world.disk.set(trouble)
        case .api(let faults, let trouble):
            apiIsCalm = trouble.isNone && faults.isNone
            tell(apiIsCalm ? "CircleCI answers well" : "CircleCI: \(faults.words), \(trouble)")
            world.site.setFaults { $0 = faults }
            world.network.set(trouble)
        case .clock(let seconds):
            tell("the clock is wrong by \(seconds) s")
            count("clock jumps")
            latestClockError = max(latestClockError, seconds)
            world.time.setError(seconds: seconds)
        case .revoke(let organization): revoke(organization)
        case .reconnect(let organization): await reconnect(organization)
        case .rotate(let organization, let attempt): await rotate(organization, attempt)
        case .rebuild:
            guard let service else { return }
            tell("the snapshot is made anew")
            try? await service.projector.rebuild { _ in }
        }
    }

    /// CircleCI's own time goes on while the service waits for it.
    private func deliverDue() async {
        while let what = agenda.nextDelivery(by: world.time.now) { await happen(what) }
    }

    func start() async {
        guard service == nil else { return }
        do {
            let service = try await SimulatedService.start(in: world)
            self.service = service
            let recovery = service.log.recovery
            if recovery.segmentCount > 2 { mayRepeat = true }
            tell("started, the log ends at \(service.log.durableEnd.sequence)")
            for damage in recovery.damages where !tornSequences.contains(where: { $0 == damage.sequences }) {
                if let lost = damage.sequences, let promisedSequence, lost.lowerBound > promisedSequence {
                    tornSequences.append(lost)
                    tell("a batch that was not promised is damaged: \(damage)")
                    count("torn in the middle")
                } else {
                    blame("the log is damaged: \(damage)")
                }
            }
            promisedSequence = nil
        } catch {
            tell("could not be started: \(error)")
            world.disk.revive(losesPower: world.disk.isDead && losesPower)
            agenda.add(.start, at: world.time.now.adding(seconds: 120))
        }
    }

    /// What is left of a process that has died goes, and the next one is started soon.
    private func buryIfDead() async {
        guard world.disk.isDead, let service else { return }
        self.service = nil
        if losesPower { promisedSequence = service.log.durableEnd.sequence }
        await service.end()
        count(losesPower ? "losses of power" : "deaths of the process")
        let loss = losesPower ? SimulatedWorld.SnapshotLoss.allCases.randomElement(using: &random) ?? .none : .none
        tell("the \(losesPower ? "power is gone" : "process is dead"); of the snapshot is lost: \(loss)")
        world.disk.revive(losesPower: losesPower)
        if loss == .none { world.rememberSnapshot() }
        world.lose(loss)
        agenda.add(.start, at: world.time.now.adding(seconds: Double.random(in: 1...3600, using: &random)))
    }
}
