import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Wire

/// `/api/v1/connections` and what is below it: what the commands do.
struct ConnectionsAPI: Sendable {
    private static let maximumBodyBytes = 1 << 20

    let operations: ConnectionOperations

    init(parts: MeterParts) {
        operations = ConnectionOperations(parts: parts)
    }

    func add(toReaders readers: RouterGroup<some RequestContext>) {
        let operations = operations
        readers.get("connections") { _, _ in Response.json(.ok, try await operations.list()) }
        readers.get("connections/:id") { _, context in
            Response.json(.ok, try await operations.show(try context.parameters.require("id")))
        }
        readers.get("connections/:id/hooks") { _, context in
            Response.json(.ok, try await operations.drift(try context.parameters.require("id")))
        }
    }

    func add(toAdmins admins: RouterGroup<some RequestContext>) {
        let operations = operations
        admins.post("connections") { request, _ in
            Response.json(.created, try await operations.add(try await ConnectionsAPI.body(request)))
        }
        post("reconnect", to: admins) { try await operations.reconnect($0, $1) }
        post("invite", to: admins) { try await operations.invite($0, $1) }
        post("rotate-secret", to: admins) { id, _ in try await operations.rotateSecret(id) }
        post("repair-hooks", to: admins) { id, _ in try await operations.repairHooks(id) }
        post("remove", to: admins) { try await operations.remove($0, $1) }
        admins.post("connections/:id/reconcile") { request, context in
            let id = try context.parameters.require("id")
            let body = try await ConnectionsAPI.body(request)
            try operations.check(reconcile: id, body)
            return Response.lines { line in try await operations.reconcile(id, body, line: line) }
        }
        admins.post("connections/:id/settle") { request, context in
            let id = try context.parameters.require("id")
            let body = try await ConnectionsAPI.body(request)
            try operations.check(settle: id, body)
            return Response.lines { line in try await operations.settle(id, body, line: line) }
        }
    }

    private func post(
        _ name: String,
        to admins: RouterGroup<some RequestContext>,
        _ operation: @escaping @Sendable (String, [UInt8]) async throws -> [UInt8]
    ) {
        admins.post("connections/:id/\(name)") { request, context in
            Response.json(
                .ok,
                try await operation(try context.parameters.require("id"), try await ConnectionsAPI.body(request))
            )
        }
    }

    private static func body(_ request: Request) async throws -> [UInt8] {
        [UInt8](buffer: try await request.body.collect(upTo: maximumBodyBytes))
    }
}

extension Response {
    /// A JSON object on each line while `work` goes on (`application/x-ndjson`); an error that ends it is the last line.
    /// The work ends when the reader goes away.
    static func lines(
        _ work: @escaping @Sendable (_ line: @escaping @Sendable ([UInt8]) async -> Void) async throws -> Void
    ) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                let (lines, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
                let task = Task {
                    do {
                        // A stop does not wait for work of hours, which can be taken up again.
                        try await cancelWhenGracefulShutdown { try await work { continuation.yield($0) } }
                        continuation.finish()
                    } catch {
                        continuation.finish(throwing: error)
                    }
                }
                defer { task.cancel() }
                do {
                    for try await line in lines { try await writer.write(ByteBuffer(bytes: line)) }
                } catch {
                    // The status line has gone out, so the error travels as the last line.
                    try await writer.write(ByteBuffer(bytes: HTTPProblem(error).body + [UInt8(ascii: "\n")]))
                }
                try await writer.finish(nil)
            }
        )
    }
}
