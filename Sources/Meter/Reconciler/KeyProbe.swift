import CircleCI

/// Asks `/me` whether the key lives, and tells the monitor.
struct KeyProbe: Sendable {
    let api: any CircleCIAPI
    let connection: String
    let monitor: ConnectionMonitor
    /// Between a first 401 and its confirmation.
    let pause: @Sendable () async throws -> Void

    /// - Throws: what `/me` answered, `unauthorized` only where a second try said the same.
    func check() async throws(CircleCIError) {
        do throws(CircleCIError) {
            try await ask()
        } catch {
            guard error.code == .unauthorized, await monitor.health(of: connection)?.needsConfirmation == true else {
                throw error
            }
            do {
                try await pause()
            } catch {
                throw CircleCIError(.cancelled, "The check of the key was cancelled")
            }
            try await ask()
        }
    }

    private func ask() async throws(CircleCIError) {
        do throws(CircleCIError) {
            _ = try await api.me()
            await monitor.observe(.keyAccepted, of: connection)
        } catch {
            await monitor.observe(error.code == .unauthorized ? .keyRejected : .callFailed(error), of: connection)
            throw error
        }
    }
}
