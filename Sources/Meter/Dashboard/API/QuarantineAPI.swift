import Hummingbird
import NIOCore

/// `/api/v1/quarantine`: what is kept aside, and its admission.
struct QuarantineAPI: Sendable {
    private static let maximumBodyBytes = 4096

    let operations: ConnectionOperations

    init(parts: MeterParts) {
        operations = ConnectionOperations(parts: parts)
    }

    func add(toReaders readers: RouterGroup<some RequestContext>) {
        let operations = operations
        readers.get("quarantine") { _, _ in Response.json(.ok, try await operations.quarantine()) }
    }

    func add(toAdmins admins: RouterGroup<some RequestContext>) {
        let operations = operations
        admins.post("quarantine/retry") { request, _ in
            let body = try await request.body.collect(upTo: QuarantineAPI.maximumBodyBytes)
            return Response.json(.ok, try await operations.retryQuarantine([UInt8](buffer: body)))
        }
    }
}
