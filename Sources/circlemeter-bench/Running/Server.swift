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

    init(_ path: String, _ arguments: [String], stage: Stage) throws {
        self.stage = stage
        errors = try ErrorFile(stage)
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["CIRCLEMETER_ADMIN_TOKEN": token]) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = errors.handle
        started = .now
        try stage.start(process)
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

    /// Waits until the dashboard's `/readyz` says 200.
    /// - Returns: the time since the process was started.
    func waitUntilReady() throws -> Duration {
        let port = try port("dashboard")
        return try wait(for: "ready") {
            HTTPProbe.status(port: port, path: "/readyz", token: token) == 200 ? .now - started : nil
        }
    }

    /// The processor time that the server has used so far, in seconds.
    func processorSeconds() -> Double {
        let path = "/proc/\(process.processIdentifier)/stat"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        // Behind the program's name in parentheses: the times in user and in kernel mode are fields 14 and 15.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let kernel = Double(fields[13]) else { return 0 }
        return (user + kernel) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The memory that the server has now.
    func residentBytes() -> Int {
        let text = (try? String(contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)) ?? ""
        // In pages; the second field is what is resident.
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

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
