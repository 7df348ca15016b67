import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Wire

/// `GET` and `POST /api/v1/connections`.
struct ConnectionsAPI: Sendable {
    private static let maximumBodyBytes = 1 << 20

    let parts: MeterParts

    func add(toReaders readers: RouterGroup<some RequestContext>) {
        readers.get("connections") { _, _ in list() }
    }

    func add(toAdmins admins: RouterGroup<some RequestContext>) {
        admins.post("connections") { request, _ in try await add(request) }
    }

    private func list() -> Response {
        var json = JSONWriter()
        let connections = parts.connections.list()
        json.object { json in
            json.member(
                "connections",
                array: { json in
                    for connection in connections { connection.write(to: &json) }
                }
            )
        }
        return .json(.ok, json.bytes + [UInt8(ascii: "\n")])
    }

    private func add(_ request: Request) async throws -> Response {
        let body = try await request.body.collect(upTo: ConnectionsAPI.maximumBodyBytes)
        let connection = try NewConnection(json: [UInt8](buffer: body), now: .now).connection
        try await parts.add(connection)
        parts.logger.notice("a connection was added", metadata: ["connection": "\(connection.id)"])
        var json = JSONWriter()
        connection.write(to: &json)
        return .json(.created, json.bytes + [UInt8(ascii: "\n")])
    }
}
