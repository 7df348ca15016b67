import AsyncHTTPClient
import EventLog
import Foundation
import Meter
import NIOCore
import NIOHTTP1

/// The service that runs on a data directory, reached through its dashboard listener with the admin token that lies
/// there.
struct RunningService {
    private let directory: DataDirectory

    init(_ directory: DataDirectory) {
        self.directory = directory
    }

    /// Whether one holds the log.
    func isRunning() async throws -> Bool {
        let path = directory.log
        return try await onOwnThread("circlemeter.lock") { try LogLock.isHeld(directory: path) }
    }

    /// Makes the snapshot anew and waits for it.
    func replay() async throws {
        var bar = ProgressBar("replaying")
        defer { bar.end() }
        try await exchange(.POST, "/api/v1/replay", body: Data("{}".utf8), timeout: .hours(24)) { line in
            guard let step = try? JSONDecoder().decode(Step.self, from: line) else { return }
            bar.update(done: step.bytes, total: step.total_bytes, detail: "\(step.sequence) records")
        }
    }

    /// What the API shows under a path.
    func get(_ path: String) async throws -> [UInt8] { try await answer(.GET, path, body: Data()) }

    /// What the API answers to a change.
    func post(_ path: String, body: Data) async throws -> [UInt8] { try await answer(.POST, path, body: body) }

    private func answer(_ method: HTTPMethod, _ path: String, body: Data) async throws -> [UInt8] {
        var answer = Data()
        try await exchange(method, path, body: body, timeout: .minutes(10)) { answer += $0 + [UInt8(ascii: "\n")] }
        return [UInt8](answer)
    }

    /// Posts, and hands over each line of the answer as it comes.
    func lines(_ path: String, body: Data, _ line: (Data) -> Void) async throws {
        try await exchange(.POST, path, body: body, timeout: .hours(24), line)
    }

    private struct Step: Decodable {
        var sequence: Int
        var bytes: Int
        var total_bytes: Int
    }

    private struct Failure: Decodable {
        struct Problem: Decodable {
            var code: String
            var message: String
        }
        var error: Problem
    }

    /// Asks, hands each line of the answer over, and turns an error that the service states into this command's.
    private func exchange(
        _ method: HTTPMethod,
        _ path: String,
        body: Data,
        timeout: TimeAmount,
        _ line: (Data) -> Void
    ) async throws {
        guard let access = try ServiceAccess.read(directory) else {
            throw CommandFailure.found(
                "another process holds \(directory.log), but no service says where it listens",
                hint: "wait for the other command to end, or stop that process"
            )
        }
        var request = HTTPClientRequest(url: access.dashboardURL + path)
        request.method = method
        request.headers.add(name: "authorization", value: "Bearer \(access.adminToken)")
        request.headers.add(name: "content-type", value: "application/json")
        if method != .GET { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response: HTTPClientResponse
        do {
            response = try await ServiceAccess.client.execute(request, timeout: timeout)
        } catch {
            // The client's own words can hold the token.
            let reason = (error as? HTTPClientError)?.shortDescription ?? "no connection"
            throw CommandFailure.found(
                "the service at \(access.dashboardURL) does not answer: \(reason)",
                hint: "is it stopping?"
            )
        }
        var pending = Data()
        for try await chunk in response.body {
            pending.append(contentsOf: chunk.readableBytesView)
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let complete = pending[..<end]
                try check(complete)
                line(complete)
                pending.removeSubrange(...end)
            }
        }
        try check(pending)
        if !pending.isEmpty { line(pending) }
        guard response.status.code < 300 else {
            throw CommandFailure.found("the service answered \(response.status.code)")
        }
    }

    private func check(_ line: Data) throws {
        guard let failure = try? JSONDecoder().decode(Failure.self, from: line) else { return }
        throw CommandFailure.found("the service says \(failure.error.code): \(failure.error.message)")
    }
}
