import FakeCircleCI
import Wire

@testable import Meter

/// An organization of a simulation, and its key.
struct SimulatedOrganization: Sendable {
    let index: Int
    var key: String
    var keyCount = 1
    var isKeyAlive = true
    var wasKeyRevoked = false
    /// Passes while CircleCI answered well, since the key was revoked.
    var calmPasses = 0

    var connection: String { LiveService.connection(index) }
}

extension Simulation {
    private var isCalm: Bool { apiIsCalm && diskIsCalm }

    /// A pass of every connection on schedule, as the service makes them side by side.
    func pass() async {
        guard let service else { return }
        count("passes")
        await service.monitor.tick()
        let wasCalm = isCalm
        await withDiscardingTaskGroup { group in
            for connection in service.store.list() where connection.apiKey != nil {
                group.addTask { await service.reconciler.passOnSchedule(connection.id) }
            }
        }
        guard !world.disk.isDead else { return }
        for index in organizations.indices {
            let connection = organizations[index].connection
            if wasCalm { organizations[index].calmPasses += 1 }
            let state = await service.monitor.condition(of: connection)?.state
            if state == .reconnectRequired, organizations[index].isKeyAlive, wasCalm {
                blame("\(connection) is to be reconnected, and its key lives")
            }
            if !organizations[index].wasKeyRevoked, service.saidReconnect.connections.contains(connection) {
                blame("\(connection) was said to be reconnected, and no key was ever revoked")
            }
        }
    }

    func revoke(_ organization: Int) {
        tell("the key of organization \(organization) is revoked")
        count("revoked keys")
        world.site.revoke(organizations[organization].key)
        organizations[organization].isKeyAlive = false
        organizations[organization].wasKeyRevoked = true
        organizations[organization].calmPasses = 0
    }

    /// An admin gives the connection a key that works, as often as it takes.
    func reconnect(_ organization: Int) async {
        guard !organizations[organization].isKeyAlive else { return }
        let connection = organizations[organization].connection
        let retryAt = world.time.now.adding(seconds: 1200)
        guard let service else { return agenda.add(.reconnect(organization: organization), at: retryAt) }
        let state = await service.monitor.condition(of: connection)?.state
        if organizations[organization].calmPasses > 0, state != .reconnectRequired, isCalm {
            blame("the key of \(connection) is dead, and its state is \(state.map { "\($0)" } ?? "unknown")")
        }
        let key = "key-\(organization)-\(organizations[organization].keyCount)"
        organizations[organization].keyCount += 1
        world.site.addKey(key, login: "dev-1", organizations: [organization])
        do {
            _ = try await service.administration.reconnect(connection, newKey: Secret(Array(key.utf8)), expires: nil)
            organizations[organization].key = key
            organizations[organization].isKeyAlive = true
            tell("\(connection) is reconnected")
            if !world.disk.isDead, await service.monitor.condition(of: connection)?.state == .reconnectRequired {
                blame("\(connection) is reconnected, and is to be reconnected")
            }
            await service.reconciler.wake(connection)
        } catch {
            tell("\(connection) could not be reconnected: \(error)")
            if service.store.get(connection)?.apiKey == Secret(Array(key.utf8)) {
                // It died when that was done.
                organizations[organization].key = key
                organizations[organization].isKeyAlive = true
                return
            }
            agenda.add(.reconnect(organization: organization), at: retryAt)
        }
    }

    func rotate(_ organization: Int, _ attempt: Int) async {
        guard let service else { return }
        let connection = organizations[organization].connection
        count("rotated secrets")
        let report = try? await service.administration.rotateSecret(of: connection)
        tell("the secret of \(connection) was rotated\(report?.isFinished == true ? "" : ", but not everywhere")")
        guard report?.isFinished != true, attempt < 5 else { return }
        agenda.add(
            .rotate(organization: organization, attempt: attempt + 1),
            at: world.time.now.adding(seconds: 3600)
        )
    }
}
