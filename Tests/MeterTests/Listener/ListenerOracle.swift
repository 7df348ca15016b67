import EventLog
import Synchronization
import TestSupport
import Wire

@testable import Meter

/// What must come of bytes that were sent to the listener, and what came of them.
final class ListenerOracle: Sendable {
    /// Counts what is put on it by its body.
    final class CountingLog: DeliveryLog {
        private let bodies = Mutex<[[UInt8]: Int]>([:])

        var counts: [[UInt8]: Int] { bodies.withLock { $0 } }

        func append(_ entry: LogEntry, completion: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void) {
            bodies.withLock { $0[entry.body, default: 0] += 1 }
            completion(.success(.accepted(sequence: 1)))
        }
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Statuses that README documents for the public listener.
    static let documented: Set = [200, 202, 400, 401, 404, 405, 408, 413, 414, 431, 503]

    let log = CountingLog()
    private let limits: ReceiverLimits
    /// How often each body must be on the log, at least and at most, and whose it is.
    private let expected = Mutex<[[UInt8]: (least: Int, most: Int, seed: UInt64)]>([:])

    init(_ limits: ReceiverLimits) {
        self.limits = limits
    }

    /// Sends bytes and looks at all that is answered.
    /// - Parameter signed: The bodies that somebody with the secret has signed.
    func exchange(
        _ bytes: [UInt8],
        signed: Set<[UInt8]>,
        seed: UInt64,
        port: Int,
        _ ending: RawSocket.Ending
    ) throws -> ReferenceParser.End {
        let reading = ReferenceParser.read(bytes, limits)
        let accepted = reading.requests.filter { statuses(of: $0, signed) == [200] && isDelivery($0) }
        expected.withLock { expected in
            for body in signed {
                var count = expected[body] ?? (0, 0, seed)
                let sure = accepted.count { $0.body == body }
                // Who goes away may be served all the same, and who asks for an upgrade need not be.
                count.least += ending == .half && reading.end != .open ? sure : 0
                count.most += reading.end == .open ? max(1, sure) : sure + (reading.unfinished == body ? 1 : 0)
                expected[body] = count
            }
        }
        let answer = try RawSocket.exchange(bytes, port: port, ending)
        if ending == .half { try judge(answer, reading, signed) }
        return reading.end
    }

    private func judge(_ bytes: [UInt8], _ reading: ReferenceParser.Reading, _ signed: Set<[UInt8]>) throws {
        let methods = reading.requests.map(\.method)
        let strict: StrictAnswers
        do throws(StrictAnswers.Malformed) {
            strict = try StrictAnswers(bytes, methods: methods)
        } catch {
            // A HEAD whose body is cut off or refused.
            guard reading.end != .clean else { throw error }
            strict = try StrictAnswers(bytes, methods: methods + ["HEAD"])
        }
        let statuses = strict.answers.map(\.status)
        guard statuses.allSatisfy(ListenerOracle.documented.contains) else {
            throw Failure(description: "undocumented status among \(statuses)")
        }
        for answer in strict.answers where !answer.body.isEmpty {
            guard answer.body.hasPrefix("{\""), answer.body.hasSuffix("}") else {
                throw Failure(description: "no JSON: \(answer.body)")
            }
        }
        for (index, request) in reading.requests.enumerated() {
            let allowed = self.statuses(of: request, signed)
            guard index < statuses.count, allowed.contains(statuses[index]) || reading.end == .open else {
                let target = String(decoding: request.target, as: UTF8.self)
                throw Failure(
                    description: "answers \(statuses), but \(allowed) for request \(index): \(request.method) \(target)"
                )
            }
        }
        let rest = strict.answers.dropFirst(reading.requests.count)
        switch reading.end {
        case .clean:
            guard rest.isEmpty else { throw Failure(description: "answers \(statuses), one too many") }
        case .refused:
            guard rest.count == 1,
                rest.allSatisfy({ $0.status >= 400 || $0.body == #"{"status":"ok"}"# || $0.body.isEmpty })
            else { throw Failure(description: "answers \(statuses), but one error after \(methods.count)") }
        case .open: break
        }
    }

    private func path(_ request: ReferenceParser.Request) -> [String] {
        var target = String(decoding: request.target, as: UTF8.self)
        if target.hasPrefix("http://x/") { target = String(target.dropFirst(8)) }
        return target.prefix { $0 != "?" }.split(separator: "/").map(String.init)
    }

    private func isDelivery(_ request: ReferenceParser.Request) -> Bool { path(request).first == "webhooks" }

    private func statuses(of request: ReferenceParser.Request, _ signed: Set<[UInt8]>) -> Set<Int> {
        let path = path(request)
        if path == ["healthz"] { return request.method == "GET" || request.method == "HEAD" ? [200] : [405] }
        guard path.count == 3, path[0] == "webhooks", path[1] == "circleci" else { return [404] }
        guard request.method == "POST" else { return [405] }
        guard path[2] == "acme" else { return [404] }
        let values = request.values("circleci-signature")
        if values.allSatisfy(\.isEmpty) { return [401] }
        guard signed.contains(request.body), let right = signatures.withLock({ $0[request.body] }) else { return [401] }
        let members = values.flatMap { $0.split(separator: 0x2c) }.map { ReferenceParser.trimmed(Array($0)) }
        return members.contains { $0.starts(with: "v1=".utf8) && $0.lowercasedText == right } ? [200] : [401]
    }

    private let signatures = Mutex<[[UInt8]: String]>([:])

    /// Tells how bodies are signed as they should be.
    func learn(_ signed: Set<[UInt8]>, _ signature: ([UInt8]) -> String) {
        for body in signed { signatures.withLock { $0[body] = signature(body) } }
    }

    /// Bodies that are on the log too often, or not often enough, with their seeds. To be asked once the listener has
    /// stopped.
    var mismatches: [String] {
        let counts = log.counts
        let expected = expected.withLock { $0 }
        var mismatches: [String] = []
        for (body, count) in expected {
            let actual = counts[body] ?? 0
            if actual < count.least || actual > count.most {
                mismatches.append(
                    "seed \(count.seed): \(String(decoding: body, as: UTF8.self)) is on the log \(actual) times, "
                        + "not \(count.least) to \(count.most)"
                )
            }
        }
        for body in counts.keys where expected[body] == nil {
            mismatches.append("nobody signed \(String(decoding: body, as: UTF8.self))")
        }
        return mismatches
    }
}
