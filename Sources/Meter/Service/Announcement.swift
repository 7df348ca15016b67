import Foundation
import ServiceLifecycle
import Synchronization

/// The ports of the listeners, known once they listen.
final class Listening: Sendable {
    enum Listener {
        case webhook
        case dashboard
    }

    private struct Ports {
        var webhook: Int?
        var dashboard: Int?
    }

    private let ports = Mutex(Ports())
    private let (stream, continuation) = AsyncStream.makeStream(of: (webhook: Int, dashboard: Int).self)

    func listens(_ listener: Listener, on port: Int?) {
        let complete = ports.withLock { ports -> (Int, Int)? in
            switch listener {
            case .webhook: ports.webhook = port ?? 0
            case .dashboard: ports.dashboard = port ?? 0
            }
            guard let webhook = ports.webhook, let dashboard = ports.dashboard else { return nil }
            return (webhook, dashboard)
        }
        guard let complete else { return }
        continuation.yield((complete.0, complete.1))
        continuation.finish()
    }

    /// Both ports; nil where the service stops before it listens.
    func both() async -> (webhook: Int, dashboard: Int)? {
        for await ports in stream { return ports }
        return nil
    }
}

/// Says where the service listens, and keeps `service.json` while it runs.
struct Announcement: Service {
    let listening: Listening
    let settings: MeterSettings
    /// The path that signs an admin in, once.
    let signIn: String?
    let onRunning: @Sendable (MeterService.Running) async -> Void

    func run() async throws {
        guard let ports = await listening.both() else { return }
        let webhookURL = url(settings.webhookAddress, port: ports.webhook)
        let dashboardURL = url(settings.dashboardAddress, port: ports.dashboard)
        let file = ServiceFile(settings.directory)
        try await onOwnThread("circlemeter.service") {
            try file.write(processID: getpid(), webhookURL: webhookURL, dashboardURL: dashboardURL)
        }
        await onRunning(
            MeterService.Running(
                webhookURL: webhookURL,
                dashboardURL: dashboardURL,
                signInURL: signIn.map { dashboardURL + $0 }
            )
        )
        try? await gracefulShutdown()
        file.remove()
    }

    private func url(_ address: ListenAddress, port: Int) -> String {
        // An address that means all of the machine's is reached from here through the loopback interface.
        let host = ["0.0.0.0": "127.0.0.1", "::": "::1"][address.host] ?? address.host
        return "\(settings.tls == nil ? "http" : "https")://\(ListenAddress(host: host, port: port))"
    }
}
