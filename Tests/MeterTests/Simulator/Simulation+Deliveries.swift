import FakeCircleCI
import Wire

@testable import Meter

extension Simulation {
    private func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &random) < share }

    /// Of one of these sizes, or a part of it.
    private func seconds(_ sizes: [Double]) -> Double {
        (sizes.randomElement(using: &random) ?? 0) * Double.random(in: 0...1, using: &random)
    }

    /// Posts an event to its webhook: at once, later, twice or never.
    func send(_ index: Int) async {
        let delivery = deliveries[index]
        guard let (connection, signature) = world.network.address(of: delivery) else { return }
        count("deliveries")
        if chance(plan.lost) {
            count("lost")
            return
        }
        var delay = 0.0
        if chance(plan.late) {
            count("late")
            delay = seconds([1, 60, 3600, 86_400])
        }
        if chance(plan.doubled) {
            count("doubled")
            let again = world.time.now.adding(seconds: delay + seconds([0, 1, 3600, 86_400]))
            agenda.add(.arrive(index, signature: signature, connection: connection, attempt: 0), at: again)
        }
        if delay > 0 {
            let at = world.time.now.adding(seconds: delay)
            agenda.add(.arrive(index, signature: signature, connection: connection, attempt: 0), at: at)
        } else {
            await arrive(index, signature, connection, 0)
        }
    }

    /// A delivery comes to where the service is, or is not. What is not taken is sent again, three times at most.
    func arrive(_ index: Int, _ signature: String, _ connection: String, _ attempt: Int) async {
        var status: Int?
        if let service, !world.disk.isDead {
            sent.insert(index)
            let answer = await service.deliver(deliveries[index].body, signature: signature, to: connection)
            // Of a process that died meanwhile nothing is heard.
            if !world.disk.isDead { status = answer }
        }
        if status == 200 {
            acknowledged.insert(index)
            return
        }
        count(status.map { "answered \($0)" } ?? "not answered")
        guard attempt < 3 else { return }
        let at = world.time.now.adding(seconds: [60, 300, 1800][attempt])
        agenda.add(.arrive(index, signature: signature, connection: connection, attempt: attempt + 1), at: at)
    }
}

extension FakeAPIFaults {
    var isNone: Bool {
        rateLimited + serverErrors + edgeRefusals + htmlAnswers + droppedConnections == 0 && window == nil
    }

    var words: String {
        "429 \(rateLimited), 5xx \(serverErrors), 403 \(edgeRefusals), HTML \(htmlAnswers), dropped \(droppedConnections)"
            + ", window \(window.map { "\($0.callCount) in \($0.length)" } ?? "none"), /me too \(probe)"
    }
}

extension SimulationPlan {
    /// What goes wrong with CircleCI for a while.
    static func apiTrouble(
        using random: inout SeededGenerator
    ) -> (FakeAPIFaults, SimulatedNetwork.Trouble) {
        var faults = FakeAPIFaults()
        var trouble = SimulatedNetwork.Trouble()
        let most: Double = [0.05, 0.3, 1].randomElement(using: &random) ?? 1
        func share() -> Double { Double.random(in: 0...most, using: &random) }
        switch Int.random(in: 0...8, using: &random) {
        case 0: faults.rateLimited = share()
        case 1: faults.serverErrors = share()
        case 2: faults.edgeRefusals = share()
        case 3: faults.htmlAnswers = share()
        case 4: faults.droppedConnections = share()
        case 5: trouble.isAway = true
        case 6: faults.window = .init(callCount: Int.random(in: 10...60, using: &random), length: .seconds(60))
        case 7:
            trouble.timeouts = share() / 3
            trouble.cutBodies = share() / 3
            trouble.brokenBodies = share() / 3
        default:
            faults.rateLimited = share() / 6
            faults.serverErrors = share() / 6
            faults.droppedConnections = share() / 6
            trouble.timeouts = share() / 6
            trouble.unknownYet = share()
        }
        if Bool.random(using: &random) { trouble.unknownYet = share() / 2 }
        faults.probe = Bool.random(using: &random)
        faults.retryAfterSeconds = Int.random(in: 0...120, using: &random)
        return (faults, trouble)
    }
}
