import CircleCI
import FakeCircleCI
import Foundation
import NIOCore

/// A server that deliveries are posted to. Calls block.
protocol DeliveryReceiver {
    /// As the table calls it.
    var name: String { get }
    var dialect: LoadDialect { get }
    /// Nil where it has none of its own.
    var version: String? { get }

    /// Starts it with nothing kept so far, in a directory that is its own.
    func start(in directory: String) throws -> (server: Server, address: SocketAddress)
    /// Ends it.
    func end(_ server: Server, in directory: String) throws
    /// How many deliveries it has kept, after its end; nil where it keeps none.
    func keptCount(in directory: String) throws -> Int?

    /// What is sent to it for a delivery.
    func write(_ delivery: GeneratedDelivery, into buffer: inout ByteBuffer)
}

/// One that takes what CircleCI sends.
protocol HTTPReceiver: DeliveryReceiver {
    var path: String { get }
    var secret: WebhookSecret { get }
}

extension HTTPReceiver {
    var dialect: LoadDialect { .http }

    func write(_ delivery: GeneratedDelivery, into buffer: inout ByteBuffer) {
        PreparedRequests.writePost(
            of: delivery,
            to: path,
            signature: "circleci-signature: \(WebhookSignature.header(for: delivery.body, secret: secret))",
            into: &buffer
        )
    }
}

/// The secret that deliveries of the benchmark are signed with.
enum BenchSecret {
    static let text = "a secret of the benchmark"

    static func make() throws -> WebhookSecret { try WebhookSecret(Array(text.utf8)) }
}

extension DeliveryReceiver {
    var version: String? { nil }

    /// Killed rather than stopped: what was acknowledged is kept by then, or it never will be.
    func end(_ server: Server, in directory: String) throws { try server.kill() }
}

/// What is measured.
struct CirclemeterReceiver: HTTPReceiver {
    let name = "circlemeter"
    let path = "/webhooks/circleci/\(PreparedRequests.connection)"
    let program: Circlemeter
    let secret: WebhookSecret

    func start(in directory: String) throws -> (server: Server, address: SocketAddress) {
        try program.addConnection(in: directory)
        return try restart(in: directory)
    }

    /// Starts it with what it has kept.
    func restart(in directory: String) throws -> (server: Server, address: SocketAddress) {
        let server = try program.serve(directory).server
        return (server, try .loopback(port: server.port("webhooks")))
    }

    /// The first record is the connection's.
    func keptCount(in directory: String) throws -> Int? { try program.recordCount(in: directory) - 1 }
}

/// Hummingbird as it comes, which reads the body and answers 200.
struct BareReceiver: HTTPReceiver {
    let name = "bare Hummingbird"
    let path = "/"
    let stage: Stage
    let secret: WebhookSecret

    func start(in directory: String) throws -> (server: Server, address: SocketAddress) {
        let server = try Server(Circlemeter.thisProgram, ["bare-server"], stage: stage)
        return (server, try .loopback(port: server.port("bare")))
    }

    func keptCount(in directory: String) throws -> Int? { nil }
}

/// `receiver.js`.
struct NodeReceiver: HTTPReceiver {
    let name = "Node.js"
    let path = "/"
    let node: String
    let stage: Stage
    let secret: WebhookSecret

    var version: String? {
        (try? Command(node, ["--version"], stage: stage).output()).map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    func start(in directory: String) throws -> (server: Server, address: SocketAddress) {
        let script = "\(directory)/receiver.js"
        try Data(PackageResources.receiver_js).write(to: URL(filePath: script))
        let server = try Server(
            node,
            [script, "\(directory)/deliveries"],
            stage: stage,
            environment: ["SECRET": BenchSecret.text]
        )
        return (server, try .loopback(port: server.port("node")))
    }

    func keptCount(in directory: String) throws -> Int? { try LineCount.of("\(directory)/deliveries") }
}

extension SocketAddress {
    static func loopback(port: Int) throws -> SocketAddress { try SocketAddress(ipAddress: "127.0.0.1", port: port) }
}

enum LineCount {
    /// The lines of a file.
    static func of(_ path: String) throws -> Int {
        let bytes = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
        return bytes.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    }
}
