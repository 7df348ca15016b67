import FakeCircleCI
import Wire

@testable import Meter

extension Simulation {
    /// Everything that the plan has, at instants of its own.
    func planAhead() {
        for (index, delivery) in deliveries.enumerated() { agenda.add(.send(index), at: delivery.sentAt) }
        let start = world.time.now
        let length = (deliveries.last?.sentAt ?? start).seconds(since: start)
        agenda.add(.pass, at: start.adding(seconds: plan.periodSeconds))
        /// An instant at which much is going on.
        func instant() -> Timestamp {
            guard let delivery = deliveries.randomElement(using: &random), Bool.random(using: &random) else {
                return start.adding(seconds: Double.random(in: 0...1, using: &random) * length)
            }
            return delivery.sentAt.adding(seconds: Double.random(in: -30...30, using: &random))
        }
        func times(_ count: Int, _ body: (Timestamp) -> Void) { for _ in 0..<count { body(instant()) } }
        let organizationCount = organizations.count
        times(plan.deaths) { at in
            let calls = Int.random(in: 0...(Bool.random(using: &random) ? 12 : 200), using: &random)
            let losesPower = Double.random(in: 0..<1, using: &random) < plan.powerLosses
            agenda.add(.die(calls: calls, losesPower: losesPower), at: at)
        }
        times(plan.restarts) { agenda.add(.restart, at: $0) }
        times(plan.diskTroubles) { at in
            var trouble = SimulatedDisk.Trouble()
            trouble.isFull = Bool.random(using: &random)
            if !trouble.isFull { trouble.failures = Double.random(in: 0.01...0.5, using: &random) }
            agenda.add(.disk(trouble), at: at)
            agenda.add(.disk(.init()), at: at.adding(seconds: Double.random(in: 10...7200, using: &random)))
        }
        times(plan.apiTroubles) { at in
            let (faults, trouble) = SimulationPlan.apiTrouble(using: &random)
            agenda.add(.api(faults, trouble), at: at)
            agenda.add(.api(.init(), .init()), at: at.adding(seconds: Double.random(in: 60...36_000, using: &random)))
        }
        times(plan.clockErrors) { at in
            let size = [60, 3600, 86_400].randomElement(using: &random) ?? 60
            agenda.add(.clock(seconds: Int64.random(in: -3 * Int64(size)...3 * Int64(size), using: &random)), at: at)
            let end = at.adding(seconds: Double.random(in: 600...36_000, using: &random))
            if Bool.random(using: &random) { agenda.add(.clock(seconds: 0), at: end) }
        }
        times(plan.revocations) { at in
            let organization = Int.random(in: 0..<organizationCount, using: &random)
            agenda.add(.revoke(organization: organization), at: at)
            let end = at.adding(seconds: Double.random(in: 60...86_400, using: &random))
            agenda.add(.reconnect(organization: organization), at: end)
        }
        times(plan.rotations) { at in
            agenda.add(.rotate(organization: Int.random(in: 0..<organizationCount, using: &random), attempt: 0), at: at)
        }
        times(plan.rebuilds) { agenda.add(.rebuild, at: $0) }
    }

    /// Everything is well again, and the reconciler has its time: passes on schedule, then one by hand.
    func settle() async throws {
        tell("everything is well again")
        for what in [Happening.disk(.init()), .api(.init(), .init()), .clock(seconds: 0)] { await happen(what) }
        world.disk.die(afterCalls: nil)
        await start()
        for organization in organizations.indices { await reconnect(organization) }
        // Deliveries that are on their way still, and the time that the clock was ahead.
        agenda.keepDeliveries()
        while let next = agenda.next() {
            world.time.advance(to: next.at)
            await happen(next.what)
        }
        world.time.advance(to: world.time.now.adding(seconds: Double(latestClockError) + 2 * 86_400))
        for _ in 0..<4 {
            world.time.pass(.seconds(8 * 3600))
            await pass()
        }
        guard let service else { return blame("the service could not be started") }
        for organization in organizations {
            let start = world.site.history.options.firstDay.start
            let report = try await service.reconciler.reconcile(
                organization.connection,
                .init(thoroughness: .everything, since: start)
            )
            count("runs found by hand alone", report.addedCount)
            if let error = report.error { blame("the last pass failed: \(error)") }
            for project in report.projects where project.error != nil || !project.missing.isEmpty {
                blame("\(project.slug) could not be compared: \(project)")
            }
        }
        try await service.knowledge.catchUp()
        for (what, number) in world.disk.counts { count(what, number) }
    }
}
