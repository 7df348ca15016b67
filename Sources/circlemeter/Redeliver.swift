import ArgumentParser
import AsyncHTTPClient
import CircleCI
import EventLog
import Foundation
import Meter
import Wire

struct Redeliver: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redeliver",
        abstract: "Post logged deliveries again, signed, to another receiver.",
        discussion: """
            Bodies and signatures go out as they came in, so the receiver needs the same webhook secret; with \
            --webhook-secret-file they are signed anew. Only what came by webhook is posted. The first delivery that is \
            not taken ends it and names its sequence, to go on from with --from.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(name: .customLong("to"), help: "The receiver, as in https://other.example.com/webhooks/circleci/acme.")
    var url: String

    @Option(help: "From this record on: a sequence, or when it was received.")
    var from: RecordBound?

    @Option(help: "Through this record: a sequence, or when it was received.")
    var through: RecordBound?

    @Option(help: "Only deliveries of this connection.")
    var connection: String?

    @Option(help: "Deliveries a second, at most.")
    var rate: Double?

    @Option(
        name: .customLong("webhook-secret-file"),
        help: "Sign anew with the secret of this file; - for standard input.",
        completion: .file()
    )
    var webhookSecretFile: String?

    func validate() throws {
        if let rate, rate <= 0 { throw ValidationError("--rate must be above 0") }
    }

    private struct Delivery: Sendable {
        var sequence: Int
        var type: String?
        var signature: String?
        var body: [UInt8]
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        let secret = try webhookSecretFile.map {
            try SecretFile.read($0, option: "--webhook-secret-file").forSigning()
        }
        let interruption = Interruption()
        defer { interruption.stopWatching() }
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: 1))
        do {
            try await post(directory, secret, WebhookPoster(client: client), interruption)
        } catch {
            try? await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }

    private func post(
        _ directory: DataDirectory,
        _ secret: WebhookSecret?,
        _ poster: WebhookPoster,
        _ interruption: Interruption
    ) async throws {
        let total = try await onOwnThread("circlemeter.log") { try LogStatistics.read(directory: directory.log) }
        var bar = ProgressBar("redelivering")
        defer { bar.end() }
        var position: LogPosition?
        var count = 0
        let start = ContinuousClock().now
        while true {
            // A bounded piece of the log at a time: memory does not grow with it.
            let (deliveries, reached) = try await piece(of: directory, after: position)
            guard let reached, reached != position else { break }
            position = reached
            for delivery in deliveries {
                if let rate { try await Task.sleep(until: start + .seconds(Double(count) / rate), clock: .continuous) }
                guard !interruption.isRequested else {
                    bar.end()
                    throw CommandFailure.found(
                        "interrupted after \(count) deliveries",
                        hint: "go on with --from \(delivery.sequence)"
                    )
                }
                try await post(delivery, secret, poster, &bar)
                count += 1
                bar.update(done: delivery.sequence, total: total.recordCount, detail: "\(count) deliveries")
            }
        }
        bar.end()
        Console.error("\(count) deliveries were posted and taken")
    }

    private func post(
        _ delivery: Delivery,
        _ secret: WebhookSecret?,
        _ poster: WebhookPoster,
        _ bar: inout ProgressBar
    ) async throws {
        let signing: WebhookPoster.Signing =
            secret.map { .secret($0) } ?? delivery.signature.map { .header($0) } ?? .unsigned
        let problem: String
        do {
            let answer = try await poster.post(delivery.body, eventType: delivery.type, to: url, signing: signing)
            if answer.isAcknowledged { return }
            problem = "\(answer.status) \(String(decoding: answer.body.prefix(300), as: UTF8.self))"
        } catch {
            problem = "\(error)"
        }
        bar.end()
        throw CommandFailure.found(
            "record \(delivery.sequence) was not taken: \(problem)",
            hint: "go on with --from \(delivery.sequence)"
        )
    }

    private func piece(
        of directory: DataDirectory,
        after position: LogPosition?
    ) async throws -> ([Delivery], LogPosition?) {
        let (from, through, connection) = (from, through, connection)
        return try await onOwnThread("circlemeter.log") {
            var deliveries: [Delivery] = []
            var reached = position
            _ = try LogReader(directory: directory.log).read(after: position) { item in
                switch item {
                case .record(let record):
                    let (sequence, receivedAt) = (record.sequence, record.receivedAt)
                    reached = record.position
                    guard record.source == .webhook, connection.map({ $0 == record.connection }) ?? true,
                        from?.isAtOrBefore(sequence: sequence, receivedAt: receivedAt) ?? true,
                        through?.isAtOrAfter(sequence: sequence, receivedAt: receivedAt) ?? true
                    else { return true }
                    deliveries.append(
                        Delivery(
                            sequence: sequence,
                            type: LogCat.type(of: record),
                            signature: record.signature,
                            body: record.withBody { Array($0) }
                        )
                    )
                    return deliveries.count < 256
                case .damage(let damage):
                    Console.error("circlemeter: \(damage)")
                    return true
                case .tornTail:
                    return true
                }
            }
            return (deliveries, reached)
        }
    }
}
