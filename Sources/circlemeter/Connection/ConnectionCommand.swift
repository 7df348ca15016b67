import ArgumentParser
import Foundation
import Meter
import Wire

struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection",
        abstract: "Organizations whose webhooks are taken.",
        subcommands: [ConnectionAdd.self, ConnectionList.self]
    )
}

struct ConnectionAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Take an organization's webhooks.",
        discussion: """
            Afterwards, add a webhook to each project at CircleCI (Project Settings, Webhooks) with the URL \
            https://YOUR-HOST/webhooks/circleci/ID and the same secret. A running service knows the connection at once.
            """
    )

    @OptionGroup var data: DataOptions

    @Argument(help: "The connection's id: lowercase letters, digits, '-' and '_'.")
    var id: String

    @Option(name: .customLong("org"), help: "The organization's slug or id, as in gh/acme.")
    var organization: String

    @Option(
        name: .customLong("webhook-secret-file"),
        help: "A file with the webhooks' secret; - for standard input.",
        completion: .file()
    )
    var webhookSecretFile: String

    @Option(name: .customLong("project"), help: "A project's slug; may be repeated.")
    var projects: [String] = []

    func run() async throws {
        let directory = try data.directory()
        let secret = try SecretFile.read(webhookSecretFile, option: "--webhook-secret-file")
        let now = Timestamp.now
        let connection: Connection
        do {
            connection = try Connection(
                id: id,
                organization: organization,
                webhookSecrets: [Connection.WebhookSecret(secret)],
                projects: projects,
                addedAt: now
            )
        } catch {
            throw CommandFailure.misuse("\(error)")
        }
        let service = RunningService(directory)
        if try await service.isRunning() {
            try await service.addConnection(NewConnection(connection).json)
        } else {
            try await OfflineConnections.add(connection, directory: directory)
        }
        Console.error(
            "connection \(id) added; webhooks go to /webhooks/circleci/\(id) of the public listener"
        )
    }
}

struct ConnectionList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the connections. No secret is shown."
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "As JSON.")
    var json = false

    func run() async throws {
        let connections = try await OfflineConnections.list(directory: try data.directory())
        if json {
            var writer = JSONWriter()
            writer.object { writer in
                writer.member(
                    "connections",
                    array: { writer in
                        for connection in connections { connection.write(to: &writer) }
                    }
                )
            }
            Console.output(writer.bytes + [UInt8(ascii: "\n")])
        } else if connections.isEmpty {
            Console.error("no connections; add one with `circlemeter connection add`")
        } else {
            for connection in connections {
                let projects = connection.projects.isEmpty ? "" : "  " + connection.projects.joined(separator: " ")
                Console.output("\(connection.id)  \(connection.organization)  added \(connection.addedAt)\(projects)")
            }
        }
    }
}
