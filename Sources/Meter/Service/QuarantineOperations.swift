import CircleCI
import EventLog
import Foundation
import Logging
import Wire

/// What can be done about deliveries in quarantine, each with its answer as JSON.
extension ConnectionOperations {
    /// Appends under way at once: they share syncs.
    private static let appendsAtOnce = 64

    private struct KeptDelivery {
        var id: String
        var receivedAt: Timestamp
        var connection: String
        var reason: String
        var type: String?
        var bytes: Int

        init(_ id: String, _ delivery: Quarantine.Delivery) {
            self.id = id
            receivedAt = delivery.receivedAt
            connection = delivery.connection
            reason = delivery.reason
            type = delivery.body.withUnsafeBytes { DeliveryKey.type(of: $0) }
            bytes = delivery.body.count
        }

        func write(to json: inout JSONWriter) {
            json.object { json in
                json.member("id", id)
                json.member("received_at", receivedAt.description)
                json.member("connection", connection)
                json.member("reason", reason)
                json.member("type", type)
                json.member("bytes", bytes)
            }
        }
    }

    /// `{"deliveries":[{"id","received_at","connection","reason","type","bytes"}]}`, the oldest first. `reason` is
    /// `signature_mismatch`, or why a signed body is no JSON object. Bodies stay in their files.
    package func quarantine() async throws -> [UInt8] {
        var all = try await parts.quarantine.list().map { KeptDelivery($0.name, $0.delivery) }
        for name in await parts.refused.names(now: .now) {
            // It may have been admitted since.
            guard let delivery = await parts.refused.read(name) else { continue }
            all.append(KeptDelivery(name.description, delivery))
        }
        all.sort { ($0.receivedAt, $0.id) < ($1.receivedAt, $1.id) }
        var json = JSONWriter()
        json.object { json in
            json.member("deliveries", array: { json in for delivery in all { delivery.write(to: &json) } })
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    /// Admits refused deliveries whose signature fits a secret of their connection, valid at the time of their receipt
    /// or now: each is put on the log with that time, and leaves the quarantine once it is durable. Interrupted, it is
    /// done again: what is on the log already is a duplicate.
    ///
    /// - Parameter body: `{"connection","dry_run"}`, or nothing: all that can be admitted.
    /// - Returns: `{"is_dry_run","admitted","duplicates","mismatches","without_connection","unreadable"}`.
    /// - Throws: `unknown_connection`, `invalid_connection`; the log's errors, after which the rest is as it was.
    package func retryQuarantine(_ body: [UInt8]) async throws -> [UInt8] {
        struct Body: Decodable {
            var connection: String?
            var dry_run: Bool?
        }
        var asked = Body()
        if !body.isEmpty {
            guard let given = try? JSONDecoder().decode(Body.self, from: Data(body)) else {
                throw MeterError(
                    .invalidConnection,
                    "The body must be {\"connection\",\"dry_run\":true|false}, or empty"
                )
            }
            asked = given
        }
        if let id = asked.connection, parts.connections.get(id) == nil { throw MeterError.noConnection(id) }
        let isDryRun = asked.dry_run ?? false
        var report = RetryReport()
        let names = await parts.refused.names(of: asked.connection, now: .now)
        for start in stride(from: 0, to: names.count, by: ConnectionOperations.appendsAtOnce) {
            let some = names[start..<min(names.count, start + ConnectionOperations.appendsAtOnce)]
            try await retry(some, isDryRun, &report)
        }
        if report.admitted > 0, !isDryRun {
            parts.logger.notice(
                "refused deliveries were admitted",
                metadata: ["admitted": "\(report.admitted)", "duplicates": "\(report.duplicates)"]
            )
        }
        var json = JSONWriter()
        json.object { json in
            json.member("is_dry_run", isDryRun)
            json.member("admitted", report.admitted)
            json.member("duplicates", report.duplicates)
            json.member("mismatches", report.mismatches)
            json.member("without_connection", report.withoutConnection)
            json.member("unreadable", report.unreadable)
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    private struct RetryReport {
        var admitted = 0
        var duplicates = 0
        var mismatches = 0
        var withoutConnection = 0
        var unreadable = 0
    }

    private func retry(
        _ names: ArraySlice<RefusedDeliveries.Name>,
        _ isDryRun: Bool,
        _ report: inout RetryReport
    ) async throws {
        var done: [RefusedDeliveries.Name] = []
        var failure: (any Error)?
        var entries: [(RefusedDeliveries.Name, LogEntry)] = []
        for name in names {
            guard let delivery = await parts.refused.read(name) else {
                report.unreadable += 1
                continue
            }
            guard let secrets = parts.connections.webhookSecrets(of: delivery.connection) else {
                report.withoutConnection += 1
                continue
            }
            guard delivery.fits(secrets, now: .now) else {
                report.mismatches += 1
                continue
            }
            entries.append((name, delivery.entry))
        }
        guard !isDryRun else {
            report.admitted += entries.count
            return
        }
        let log = parts.log
        await withTaskGroup(of: (RefusedDeliveries.Name, Result<AppendOutcome, LogError>).self) { group in
            for (name, entry) in entries {
                group.addTask {
                    do throws(LogError) {
                        return (name, .success(try await log.append(entry)))
                    } catch {
                        return (name, .failure(error))
                    }
                }
            }
            for await (name, result) in group {
                switch result {
                case .success(.accepted): report.admitted += 1
                case .success(.duplicate): report.duplicates += 1
                case .failure(let error):
                    failure = error
                    continue
                }
                done.append(name)
            }
        }
        try await parts.refused.remove(done)
        if let failure { throw failure }
    }
}

extension Quarantine.Delivery {
    fileprivate func fits(_ secrets: [CircleCI.WebhookSecret], now: Timestamp) -> Bool {
        [receivedAt, now].contains { instant in
            WebhookSignature.verify(header: signature, body: body, secrets: secrets, at: instant) == .valid
        }
    }

    /// As it would have been put on the log when it came.
    fileprivate var entry: LogEntry {
        LogEntry(
            receivedAt: receivedAt,
            source: .webhook,
            connection: connection,
            signature: signature,
            body: body,
            deduplicationKey: body.withUnsafeBytes { DeliveryKey.of($0, connection: connection) }
        )
    }
}
