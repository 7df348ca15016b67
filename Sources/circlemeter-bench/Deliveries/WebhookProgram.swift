import CircleCI
import FakeCircleCI
import Foundation
import Meter
import NIOCore

/// adnanh/webhook, which runs a command for each delivery. It knows no `v1=`: the same digest comes in a header that it can
/// check.
struct WebhookProgram: DeliveryReceiver {
    private static let header = "x-hub-signature-256"

    let name = "adnanh/webhook"
    let dialect = LoadDialect.http
    let webhook: String
    let stage: Stage
    let secret: WebhookSecret

    var version: String? {
        (try? Command(webhook, ["-version"], stage: stage).output()).flatMap {
            String(decoding: $0, as: UTF8.self).split(whereSeparator: \.isWhitespace).last.map(String.init)
        }
    }

    func start(in directory: String) throws -> (server: Server, address: SocketAddress) {
        let script = "\(directory)/append.sh"
        try Data(PackageResources.append_sh).write(to: URL(filePath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: script)
        let hooks = "\(directory)/hooks.json"
        try Data(WebhookProgram.hooks(script).utf8).write(to: URL(filePath: hooks))
        // It says nowhere which port it got.
        let port = try FreePort.find()
        let server = try Server(
            webhook,
            ["-hooks", hooks, "-ip", "127.0.0.1", "-port", "\(port)"],
            stage: stage,
            environment: ["DELIVERIES": "\(directory)/deliveries"]
        )
        try server.waitForAnswer(port: port)
        return (server, try .loopback(port: port))
    }

    func keptCount(in directory: String) throws -> Int? { try LineCount.of("\(directory)/deliveries") }

    func write(_ delivery: GeneratedDelivery, into buffer: inout ByteBuffer) {
        let digest = WebhookSignature.header(for: delivery.body, secret: secret).dropFirst("v1=".count)
        PreparedRequests.writePost(
            of: delivery,
            to: "/hooks/deliveries",
            signature: "\(WebhookProgram.header): sha256=\(digest)",
            into: &buffer
        )
    }

    /// The answer waits for the command where its output is wanted.
    private static func hooks(_ script: String) -> String {
        """
        [{"id": "deliveries", "execute-command": "\(script)", "include-command-output-in-response": true,
          "pass-arguments-to-command": [{"source": "raw-request-body"}],
          "trigger-rule-mismatch-http-response-code": 401,
          "trigger-rule": {"match": {"type": "payload-hmac-sha256", "secret": "\(BenchSecret.text)",
            "parameter": {"source": "header", "name": "\(header)"}}}}]
        """
    }
}
