import Foundation

/// A server process on 127.0.0.1 that says on standard error, in lines of `name: URL`, where it listens. Calls block.
final class Server {
    /// How long a server may take to start or to stop.
    private static let patience = Duration.seconds(120)

    private let process = Process()
    private let errors: ErrorFile
    private let stage: Stage
    let token = UUID().uuidString
    private let started: ContinuousClock.Instant

    /// - Parameter signal: what ends it, with all that it started, when the stage is cleared.
    init(
        _ path: String,
        _ arguments: [String],
        stage: Stage,
        environment: [String: String] = [:],
        endsWith signal: Int32 = SIGKILL
    ) throws {
        self.stage = stage
        errors = try ErrorFile(stage)
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging(["CIRCLEMETER_ADMIN_TOKEN": token]) { $1 }.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors.handle
        started = .now
        try stage.start(process, endsWith: signal)
    }

    /// The port that the line beginning with `name` tells.
    func port(_ name: String) throws -> Int {
        try wait(for: name) {
            let line = errors.text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            // Of `dashboard: http://127.0.0.1:4711/login/...`, the digits behind the last colon.
            guard let line, let colon = line.lastIndex(of: ":") else { return nil }
            return Int(line[line.index(after: colon)...].prefix { $0.isNumber })
        }
    }

    /// Waits until it has written `text`.
    func waitFor(_ text: String) throws {
        _ = try wait(for: text) { errors.text.contains(text) ? true : nil }
    }

    /// Waits until it answers anything over HTTP.
    func waitForAnswer(port: Int) throws {
        _ = try wait(for: "an answer") { HTTPProbe.status(port: port, path: "/", token: "") }
    }

    /// Waits until the dashboard's `/readyz` says 200.
    /// - Returns: the time since the process was started.
    func waitUntilReady() throws -> Duration {
        let port = try port("dashboard")
        return try wait(for: "ready") {
            HTTPProbe.status(port: port, path: "/readyz", token: token) == 200 ? .now - started : nil
        }
    }

    /// What is known of it while it runs.
    var usage: ProcessUsage { ProcessUsage(process.processIdentifier) }

    var processIdentifier: Int32 { process.processIdentifier }

    /// Tells the server to stop, and waits until it has.
    func stop() throws {
        process.terminate()
        do {
            _ = try wait(for: "stopped", orEnd: false) { process.isRunning ? nil : true }
        } catch {
            try kill()
            throw error
        }
        process.waitUntilExit()
        stage.ended(process)
        guard process.terminationStatus == 0 else {
            throw BenchFailure("the server ended with \(process.terminationStatus): \(errors.text)")
        }
    }

    /// Ends the server at once.
    func kill() throws {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        stage.ended(process)
    }

    private func wait<Value>(for what: String, orEnd: Bool = true, _ value: () throws -> Value?) throws -> Value {
        let deadline = ContinuousClock.now + Server.patience
        while true {
            if let value = try value() { return value }
            if orEnd, !process.isRunning { throw BenchFailure("the server ended before '\(what)': \(errors.text)") }
            guard ContinuousClock.now < deadline else {
                throw BenchFailure("the server took longer than \(Server.patience) until '\(what)': \(errors.text)")
            }
            usleep(1000)
        }
    }
}
