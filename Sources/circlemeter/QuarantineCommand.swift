import ArgumentParser
import Foundation
import Meter

struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "Deliveries that are kept aside: wrongly signed ones, and signed ones that are no events.",
        discussion: """
            A delivery whose signature fits no secret of its connection is answered 401, and kept for a while within \
            quarantine-maximum-bytes and quarantine-maximum-age. Once the secret is mended, `quarantine retry` puts it on \
            the log with the time at which it was received.
            """,
        subcommands: [QuarantineList.self, QuarantineRetry.self]
    )
}

struct QuarantineList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "What is kept aside, the oldest first."
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Only of this connection.")
    var connection: String?

    @Flag(help: "As JSON, of all connections.")
    var json = false

    private struct Answer: Decodable {
        struct Delivery: Decodable {
            var id: String
            var received_at: String
            var connection: String
            var reason: String
            var type: String?
            var bytes: Int
        }
        var deliveries: [Delivery]
    }

    func validate() throws {
        if json, connection != nil { throw ValidationError("--json gives all connections; leave --connection out") }
    }

    func run() async throws {
        let bytes = try await QuarantineRequest.list.perform(data.existingDirectory())
        if json { return Console.output(bytes) }
        let all = try JSONDecoder().decode(Answer.self, from: Data(bytes)).deliveries
        for delivery in all where connection == nil || delivery.connection == connection {
            // The type is a stranger's text.
            let type = (delivery.type ?? "-").unicodeScalars.prefix(40)
                .map { $0.isASCII && $0.value > 0x20 && $0.value < 0x7f ? String($0) : "?" }.joined()
            Console.output(
                "\(delivery.received_at)  \(delivery.connection)  \(delivery.reason)  \(type)  \(delivery.bytes) bytes  "
                    + delivery.id
            )
        }
        if all.isEmpty { Console.error("nothing is kept aside") }
    }
}

struct QuarantineRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Admit refused deliveries whose signature fits a secret now.",
        discussion: """
            What is admitted is on the log with the time of its receipt, and kept aside no longer; what is there already \
            is recognized. Exit 1 where some still fit no secret.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Only of this connection.")
    var connection: String?

    @Flag(name: .customLong("dry-run"), help: "Say what would be admitted, and change nothing.")
    var isDryRun = false

    @Flag(help: "The answer as JSON.")
    var json = false

    private struct Answer: Decodable {
        var admitted: Int
        var duplicates: Int
        var mismatches: Int
        var without_connection: Int
        var unreadable: Int
    }

    func run() async throws {
        let request = try QuarantineRequest.retry(connection: connection, isDryRun: isDryRun)
        let bytes = try await request.perform(data.existingDirectory())
        let answer = try JSONDecoder().decode(Answer.self, from: Data(bytes))
        if json {
            Console.output(bytes)
        } else {
            Console.output(
                isDryRun
                    ? "\(answer.admitted) would be admitted or are duplicates"
                    : "\(answer.admitted) admitted, \(answer.duplicates) duplicates"
            )
            let rest = [
                (answer.mismatches, "fit no secret"), (answer.without_connection, "are of a connection that is gone"),
                (answer.unreadable, "cannot be read"),
            ]
            for (count, what) in rest where count > 0 { Console.output("\(count) \(what)") }
        }
        guard answer.mismatches + answer.without_connection + answer.unreadable == 0 else { throw ExitCode(1) }
    }
}

/// Something to be done about the quarantine: through the running service where there is one, without it otherwise.
private struct QuarantineRequest: Sendable {
    let path: String
    let body: Data?
    let offline: @Sendable (ConnectionOperations) async throws -> [UInt8]

    static let list = QuarantineRequest(path: "", body: nil) { try await $0.quarantine() }

    static func retry(connection: String?, isDryRun: Bool) throws -> QuarantineRequest {
        struct Body: Encodable {
            var connection: String?
            var dry_run: Bool
        }
        let body = try JSONEncoder().encode(Body(connection: connection, dry_run: isDryRun))
        return QuarantineRequest(path: "/retry", body: body) { try await $0.retryQuarantine([UInt8](body)) }
    }

    func perform(_ directory: DataDirectory) async throws -> [UInt8] {
        let service = RunningService(directory)
        if try await service.isRunning() {
            let path = "/api/v1/quarantine\(path)"
            guard let body else { return try await service.get(path) }
            return try await service.post(path, body: body)
        }
        do {
            return try await OfflineService.run(directory: directory) { try await offline($0) }
        } catch let error as MeterError {
            throw CommandFailure.found("\(error)")
        }
    }
}
