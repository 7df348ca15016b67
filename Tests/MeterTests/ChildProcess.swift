import AsyncHTTPClient
import CircleCI
import Foundation
import Synchronization
import TestSupport

/// The built `circlemeter`, run as a process of its own and ended by its process id.
final class ChildProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let processID: pid_t
    private let lines: AsyncStream<String>
    private let exit: AsyncStream<Int32>
    private let collected = Mutex<[String]>([])

    /// The folder of everything that was built beside these tests.
    static let products = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// Starts `circlemeter` with arguments; standard output and error come together as lines.
    init(_ arguments: [String], environment: [String: String] = [:], input: String? = nil) throws {
        let program = try Program(
            ChildProcess.products.appending(path: "circlemeter").path,
            arguments,
            environment: ProcessInfo.processInfo.environment
                // No setting of whoever runs the tests counts, but the planted bug does (Tests/Sabotage).
                .filter { !$0.key.hasPrefix("CIRCLEMETER_") || $0.key == "CIRCLEMETER_PLANTED" }
                .merging(environment) { $1 },
            input: input ?? ""
        )
        processID = program.processID
        let (lines, lineContinuation) = AsyncStream.makeStream(of: String.self)
        let (exit, exitContinuation) = AsyncStream.makeStream(of: Int32.self)
        self.lines = lines
        self.exit = exit
        Thread {
            var pending: [UInt8] = []
            let status = program.finish { bytes in
                pending.append(contentsOf: bytes)
                while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    lineContinuation.yield(String(decoding: pending[..<end], as: UTF8.self))
                    pending.removeSubrange(...end)
                }
            }
            if !pending.isEmpty { lineContinuation.yield(String(decoding: pending, as: UTF8.self)) }
            lineContinuation.finish()
            exitContinuation.yield(status)
            exitContinuation.finish()
        }.start()
    }

    /// The first line with `prefix`, without it.
    func line(after prefix: String) async throws -> String {
        var seen: [String] = []
        for await line in lines {
            collected.withLock { $0.append(line) }
            if line.hasPrefix(prefix) { return String(line.dropFirst(prefix.count)) }
            seen.append(line)
        }
        throw Failure(description: "no line '\(prefix)...', but: \(seen.joined(separator: "\n"))")
    }

    /// All that was written until the end.
    func output() async -> String {
        for await line in lines { collected.withLock { $0.append(line) } }
        return collected.withLock { $0.joined(separator: "\n") }
    }

    func send(_ signal: Int32) { kill(processID, signal) }

    /// The exit status, minus the signal's number where one ended it.
    func status() async -> Int32 {
        for await status in exit { return status }
        return .min
    }

    /// Runs to the end: the exit status and all that was written.
    static func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> (status: Int32, output: String) {
        let child = try ChildProcess(arguments, environment: environment, input: input)
        var lines: [String] = []
        for await line in child.lines { lines.append(line) }
        return (await child.status(), lines.joined(separator: "\n"))
    }
}

/// A client for as many requests at a time to one host, shut down whatever happens.
func withClient<Value>(
    concurrency: Int = 8,
    _ body: (HTTPClient) async throws -> Value
) async throws -> Value {
    let client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: concurrency))
    do {
        let value = try await body(client)
        try await client.shutdown()
        return value
    } catch {
        try? await client.shutdown()
        throw error
    }
}
