import Foundation
import Meter
import Wire

/// Something to be done about connections: through the running service where there is one, without it otherwise. The
/// answer is the same JSON either way.
struct ConnectionRequest: Sendable {
    /// Below `/api/v1/connections`.
    private let path: String
    private let isRead: Bool
    private let body: Data
    private let offline: @Sendable (ConnectionOperations, [UInt8]) async throws -> [UInt8]

    private init(
        _ path: String,
        isRead: Bool = false,
        body: Data = Data("{}".utf8),
        _ offline: @escaping @Sendable (ConnectionOperations, [UInt8]) async throws -> [UInt8]
    ) {
        self.path = path
        self.isRead = isRead
        self.body = body
        self.offline = offline
    }

    static let list = ConnectionRequest("", isRead: true) { operations, _ in try await operations.list() }

    static func show(_ id: String) -> ConnectionRequest {
        ConnectionRequest("/\(id)", isRead: true) { operations, _ in try await operations.show(id) }
    }

    static func drift(_ id: String) -> ConnectionRequest {
        ConnectionRequest("/\(id)/hooks", isRead: true) { operations, _ in try await operations.drift(id) }
    }

    static func add(_ new: NewConnection) -> ConnectionRequest {
        ConnectionRequest("", body: new.json) { operations, body in try await operations.add(body) }
    }

    static func reconnect(_ id: String, key: Secret, expires: Day?) -> ConnectionRequest {
        ConnectionRequest("/\(id)/reconnect", body: NewKey(key, expires: expires).json) { operations, body in
            try await operations.reconnect(id, body)
        }
    }

    static func invite(_ id: String) -> ConnectionRequest {
        ConnectionRequest("/\(id)/invite") { operations, body in try await operations.invite(id, body) }
    }

    static func rotateSecret(_ id: String) -> ConnectionRequest {
        ConnectionRequest("/\(id)/rotate-secret") { operations, _ in try await operations.rotateSecret(id) }
    }

    static func repairHooks(_ id: String) -> ConnectionRequest {
        ConnectionRequest("/\(id)/repair-hooks") { operations, _ in try await operations.repairHooks(id) }
    }

    static func remove(_ id: String, deletesHooks: Bool) -> ConnectionRequest {
        let body = Data("{\"delete_hooks\":\(deletesHooks)}".utf8)
        return ConnectionRequest("/\(id)/remove", body: body) { operations, body in
            try await operations.remove(id, body)
        }
    }

    func perform(data: DataOptions) async throws -> [UInt8] {
        try await perform(isRead ? try data.existingDirectory() : try data.directory())
    }

    func perform(_ directory: DataDirectory) async throws -> [UInt8] {
        let service = RunningService(directory)
        if try await service.isRunning() {
            let path = "/api/v1/connections\(path)"
            return isRead ? try await service.get(path) : try await service.post(path, body: body)
        }
        do {
            return try await OfflineService.run(directory: directory) { try await offline($0, [UInt8](body)) }
        } catch let error as MeterError {
            throw CommandFailure.found("\(error)")
        }
    }
}
