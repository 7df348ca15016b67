import Foundation
import Logging
import Wire

/// What can be done about connections, each with its answer as JSON: for the API of a running service and for commands
/// without one alike.
package struct ConnectionOperations: Sendable {
    let parts: MeterParts

    private var administration: ConnectionAdministration { parts.circleci.administration }

    package func list() async throws -> [UInt8] {
        let statuses = try await ConnectionStatus.all(parts)
        return ConnectionOperations.object { json in
            json.member(
                "connections",
                array: { json in
                    for status in statuses { status.write(to: &json) }
                }
            )
        }
    }

    package func show(_ id: String) async throws -> [UInt8] {
        let status = try await ConnectionStatus.of(id, parts)
        var json = JSONWriter()
        status.write(to: &json)
        return ConnectionOperations.line(json)
    }

    /// - Parameter body: as ``NewConnection`` reads it.
    package func add(_ body: [UInt8]) async throws -> [UInt8] {
        let report = try await administration.connect(try NewConnection(json: body, now: .now))
        parts.logger.notice("a connection was added", metadata: ["connection": "\(report.hooks.connection)"])
        await parts.circleci.wake(report.hooks.connection)
        return ConnectionOperations.line { report.write(to: &$0) }
    }

    /// - Parameter body: `{"api_key","key_expires"}`, the key in base64.
    package func reconnect(_ id: String, _ body: [UInt8]) async throws -> [UInt8] {
        let new = try NewKey(json: body)
        let report = try await administration.reconnect(id, newKey: new.key, expires: new.expires)
        parts.logger.notice("a connection has a new key", metadata: ["connection": "\(id)"])
        await parts.circleci.wake(id)
        return ConnectionOperations.line { report.write(to: &$0) }
    }

    /// - Parameter body: `{"purpose":"connect"|"reconnect"}`, or nothing: what the connection needs.
    package func invite(_ id: String, _ body: [UInt8]) async throws -> [UInt8] {
        struct Body: Decodable { var purpose: Invitation.Purpose? }
        let known = parts.connections.get(id)
        let asked = try ConnectionOperations.decode(body, or: Body(), shape: "{\"purpose\":\"connect\"|\"reconnect\"}")
        let purpose = asked.purpose ?? (known == nil ? .connect : .reconnect)
        guard purpose == .connect || known != nil else { throw MeterError.noConnection(id) }
        let (code, invitation) = try await parts.circleci.invitations.make(id, purpose)
        let path = "/connect/\(code)"
        return ConnectionOperations.object { json in
            json.member("id", invitation.id)
            json.member("connection", id)
            json.member("purpose", purpose.rawValue)
            json.member("url", parts.settings.publicURL.map { $0 + path })
            json.member("path", path)
            json.member("expires_at", invitation.expiresAt.description)
        }
    }

    package func rotateSecret(_ id: String) async throws -> [UInt8] {
        let report = try await administration.rotateSecret(of: id)
        return ConnectionOperations.line { report.write(to: &$0) }
    }

    /// The hooks beside what they should be: `{"connection","hooks":[]}`.
    package func drift(_ id: String) async throws -> [UInt8] {
        let drift = try await administration.drift(of: id)
        return ConnectionOperations.object { json in
            json.member("connection", id)
            json.member(
                "hooks",
                array: { json in
                    for hook in drift { hook.write(to: &json) }
                }
            )
        }
    }

    package func repairHooks(_ id: String) async throws -> [UInt8] {
        let report = try await administration.repairHooks(of: id)
        return ConnectionOperations.line { report.write(to: &$0) }
    }

    /// - Parameter body: `{"delete_hooks":true}`, or nothing.
    package func remove(_ id: String, _ body: [UInt8]) async throws -> [UInt8] {
        struct Body: Decodable { var delete_hooks: Bool? }
        let asked = try ConnectionOperations.decode(body, or: Body(), shape: "{\"delete_hooks\":true|false}")
        let report = try await administration.remove(id, deletesHooks: asked.delete_hooks ?? false)
        try await parts.circleci.invitations.revokeAll(of: id)
        parts.logger.notice("a connection was removed", metadata: ["connection": "\(id)"])
        return ConnectionOperations.line { report.write(to: &$0) }
    }

    /// Compares a connection with CircleCI and adds what is missing.
    ///
    /// - Parameters:
    ///   - body: `{"since","dry_run"}`, or nothing.
    ///   - line: given each line of the answer: `{"planned",...}` for events, ``ReconcileProgress`` now and then, and the
    ///     report at the end.
    package func reconcile(
        _ id: String,
        _ body: [UInt8],
        line: @escaping @Sendable ([UInt8]) async -> Void
    ) async throws {
        let request = try ConnectionOperations.reconcileRequest(body)
        let showsPlan = request.isDryRun
        let report = try await parts.circleci.reconciler.reconcileByHand(
            id,
            request,
            planned: { project, events in
                guard showsPlan else { return }
                for event in events {
                    await line(ConnectionOperations.line { event.writePlanned(project: project, to: &$0) })
                }
            },
            progress: { step in await line(ConnectionOperations.line { step.write(to: &$0) }) }
        )
        await line(ConnectionOperations.line { report.write(to: &$0) })
    }

    /// Settles files that lie in the data directory's `exports/incoming`, and removes them; without files, what CircleCI
    /// exports through its API.
    ///
    /// - Parameters:
    ///   - body: ``SettleOrder``, or nothing.
    ///   - line: given each line of the answer: ``SettleProgress`` now and then, and the report at the end. Of a dry run
    ///     without files, ``ExportOutlook``.
    package func settle(
        _ id: String,
        _ body: [UInt8],
        line: @escaping @Sendable ([UInt8]) async -> Void
    ) async throws {
        let order = body.isEmpty ? SettleOrder() : try SettleOrder(json: body)
        guard !order.files.isEmpty else { return try await settleExports(id, order, line: line) }
        defer { order.removeFiles(in: parts.settings.directory) }
        let request = try order.request(in: parts.settings.directory, now: .now)
        let report = try await parts.circleci.settler.settle(id, request) { step in
            await line(ConnectionOperations.line { step.write(to: &$0) })
        }
        await line(ConnectionOperations.line { report.write(to: &$0) })
    }

    private func settleExports(
        _ id: String,
        _ order: SettleOrder,
        line: @escaping @Sendable ([UInt8]) async -> Void
    ) async throws {
        let settler = parts.circleci.settler
        let request = try order.exportRequest(at: .now)
        guard order.dry_run != true else {
            let outlook = try await settler.outlook(id, request)
            return await line(ConnectionOperations.line { outlook.write(to: &$0) })
        }
        let report = try await settler.settleByHand(id, request) { step in
            await line(ConnectionOperations.line { step.write(to: &$0) })
        }
        await line(ConnectionOperations.line { report.write(to: &$0) })
    }

    /// Looks at an order to reconcile before its answer begins.
    /// - Throws: what ``reconcile(_:_:line:)`` would.
    package func check(reconcile id: String, _ body: [UInt8]) throws(MeterError) {
        guard parts.connections.get(id) != nil else { throw MeterError.noConnection(id) }
        _ = try ConnectionOperations.reconcileRequest(body)
    }

    /// Looks at an order to settle before its answer begins.
    /// - Throws: what ``settle(_:_:line:)`` would.
    package func check(settle id: String, _ body: [UInt8]) throws(MeterError) {
        let order = body.isEmpty ? SettleOrder() : try SettleOrder(json: body)
        do throws(MeterError) {
            guard parts.connections.get(id) != nil else { throw MeterError.noConnection(id) }
            if order.files.isEmpty {
                _ = try order.exportRequest(at: .now)
            } else {
                if let problem = parts.circleci.clock.problem { throw problem }
                _ = try order.request(in: parts.settings.directory, now: .now)
            }
        } catch {
            order.removeFiles(in: parts.settings.directory)
            throw error
        }
    }

    private static func reconcileRequest(_ body: [UInt8]) throws(MeterError) -> ReconcileRequest {
        struct Body: Decodable {
            var since: String?
            var dry_run: Bool?
        }
        let asked = try decode(body, or: Body(), shape: "{\"since\",\"dry_run\":true|false}")
        var request = ReconcileRequest(thoroughness: .everything, isDryRun: asked.dry_run ?? false)
        if let since = asked.since {
            guard let time = Timestamp(since) ?? Day(since).map({ $0.start }) else {
                throw MeterError(
                    .invalidConnection,
                    "'since' is no time",
                    hint: "a day as in 2026-11-01, or a time as in 2026-11-01T08:00:00Z"
                )
            }
            request.since = time
        }
        return request
    }

    /// What a body asks for; `fallback` where there is none.
    /// - Throws: `invalid_connection` that says the body's `shape`.
    private static func decode<Body: Decodable>(
        _ body: [UInt8],
        or fallback: Body,
        shape: String
    ) throws(MeterError) -> Body {
        guard !body.isEmpty else { return fallback }
        do {
            return try JSONDecoder().decode(Body.self, from: Data(body))
        } catch {
            throw MeterError(.invalidConnection, "The body must be \(shape), or empty")
        }
    }

    private static func object(_ members: (inout JSONWriter) -> Void) -> [UInt8] { line { $0.object(members) } }

    private static func line(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        write(&json)
        return line(json)
    }

    private static func line(_ json: JSONWriter) -> [UInt8] { json.bytes + [UInt8(ascii: "\n")] }
}

extension Day {
    /// Its first instant, in UTC.
    var start: Timestamp { Timestamp(microseconds: Int64(daysSinceEpoch) * 86_400_000_000) }
}
