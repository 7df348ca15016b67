import ArgumentParser
import Foundation
import Meter
import Wire

struct ConnectionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection",
        abstract: "Organizations: their webhooks, their API keys, their hooks at CircleCI.",
        subcommands: [
            ConnectionAdd.self, ConnectionList.self, ConnectionShow.self, ConnectionReconnect.self,
            ConnectionInvite.self, ConnectionRotateSecret.self, ConnectionRepairHooks.self, ConnectionRemove.self,
        ]
    )
}

/// What the commands on one connection have in common.
struct ConnectionOptions: ParsableArguments {
    @OptionGroup var data: DataOptions

    @Argument(help: "The connection's id.")
    var id: String

    @Flag(help: "The answer as JSON.")
    var json = false

    /// Does something through the running service, or without one, and gives the answer to `show` unless it is wanted as
    /// it is; `judge` says what is wrong with it either way.
    func perform<Answer: Decodable>(
        _ request: ConnectionRequest,
        show: (Answer) -> Void,
        judge: (Answer) throws -> Void = { _ in }
    ) async throws {
        let bytes = try await request.perform(data: data)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(bytes))
        if json { Console.output(bytes) } else { show(answer) }
        try judge(answer)
    }
}

struct ConnectionAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Take an organization's webhooks, and with an API key ask for what they miss.",
        discussion: """
            With --api-key-file (a personal API token of an admin of the organization) the key is checked, the projects \
            that its owner follows are found, and a webhook with a secret is made on each, for which --public-url or \
            CIRCLEMETER_PUBLIC_URL must be set for the service.
            Without a key, add a webhook to each project yourself (Project Settings, Webhooks) with the URL \
            https://YOUR-HOST/webhooks/circleci/ID and the secret of --webhook-secret-file.
            A running service knows the connection at once.
            """
    )

    @OptionGroup var options: ConnectionOptions

    @Option(name: .customLong("org"), help: "The organization's slug or id, as in gh/acme.")
    var organization: String

    @Option(
        name: .customLong("webhook-secret-file"),
        help: "A file with the webhooks' secret; - for standard input. With a key one is made where this is left out.",
        completion: .file()
    )
    var webhookSecretFile: String?

    @Option(
        name: .customLong("api-key-file"),
        help: "A file with a personal API token; - for standard input.",
        completion: .file()
    )
    var apiKeyFile: String?

    @Option(name: .customLong("key-expires"), help: "The day on which the key expires, as in 2027-11-22.")
    var keyExpires: String?

    @Option(name: .customLong("project"), help: "A project's slug; may be repeated.")
    var projects: [String] = []

    @Flag(name: .customLong("no-hooks"), help: "Make no webhooks at CircleCI.")
    var makesNoHooks = false

    func run() async throws {
        if webhookSecretFile == "-", apiKeyFile == "-" {
            throw CommandFailure.misuse("only one of the two can be standard input")
        }
        let new: NewConnection
        do {
            new = try NewConnection(
                id: options.id,
                organization: organization,
                webhookSecret: try webhookSecretFile.map { try SecretFile.read($0, option: "--webhook-secret-file") },
                projects: projects,
                apiKey: try apiKeyFile.map { try SecretFile.read($0, option: "--api-key-file") },
                keyExpires: try KeyExpiryOption.day(keyExpires),
                createsHooks: makesNoHooks ? false : nil,
                now: .now
            )
        } catch let error as MeterError {
            throw CommandFailure.misuse("\(error)")
        }
        try await options.perform(.add(new)) { (answer: HooksAnswer) in
            Console.error(
                "connection \(options.id) added; webhooks go to /webhooks/circleci/\(options.id) of the public listener"
            )
            answer.show()
        }
    }
}

struct ConnectionReconnect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconnect",
        abstract: "Give a connection a new API key, or its first.",
        discussion: """
            The new key is proven before it takes the old one's place: CircleCI must accept it, its owner must work in the \
            organization, and it must read the connection's projects. What was missed meanwhile is asked for at once.
            """
    )

    @OptionGroup var options: ConnectionOptions

    @Option(
        name: .customLong("api-key-file"),
        help: "A file with a personal API token; - for standard input.",
        completion: .file()
    )
    var apiKeyFile: String

    @Option(name: .customLong("key-expires"), help: "The day on which the key expires, as in 2027-11-22.")
    var keyExpires: String?

    func run() async throws {
        struct Answer: Decodable {
            var login: String
            var organization: String
        }
        let key = try SecretFile.read(apiKeyFile, option: "--api-key-file")
        let expires = try KeyExpiryOption.day(keyExpires)
        try await options.perform(.reconnect(options.id, key: key, expires: expires)) { (answer: Answer) in
            Console.error("connection \(options.id) uses the key of \(answer.login) for \(answer.organization)")
        }
    }
}

struct ConnectionInvite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite",
        abstract: "Make a link with which an admin can enter an API key, once, within seven days."
    )

    @OptionGroup var options: ConnectionOptions

    func run() async throws {
        struct Answer: Decodable {
            var url: String?
            var path: String
            var purpose: String
            var expires_at: String
        }
        try await options.perform(.invite(options.id)) { (answer: Answer) in
            Console.output(answer.url ?? answer.path)
            if answer.url == nil {
                Console.error("this is a path of the public listener: no --public-url is set")
            }
            Console.error("to \(answer.purpose) \(options.id); works once, until \(answer.expires_at)")
        }
    }
}

struct ConnectionRotateSecret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate-secret",
        abstract: "Give a connection and its webhooks a new secret; both count for a day."
    )

    @OptionGroup var options: ConnectionOptions

    func run() async throws {
        struct Answer: Decodable {
            var is_finished: Bool
            var previous_valid_until: String?
            var projects: [HooksAnswer.Project]
            var listing_problem: String?
        }
        try await options.perform(.rotateSecret(options.id)) { (answer: Answer) in
            HooksAnswer(hook_url: nil, listing_problem: answer.listing_problem, projects: answer.projects).show()
            if let end = answer.previous_valid_until {
                Console.error("the new secret counts; the old one ends at \(end)")
            }
        } judge: { answer in
            guard answer.is_finished else {
                throw CommandFailure.found(
                    "not every webhook was told the new secret; the old one goes on to count",
                    hint: "run it again to finish"
                )
            }
        }
    }
}

struct ConnectionRepairHooks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair-hooks",
        abstract: "Make the webhooks at CircleCI as they should be."
    )

    @OptionGroup var options: ConnectionOptions

    func run() async throws {
        try await options.perform(.repairHooks(options.id)) { (answer: HooksAnswer) in
            answer.show()
        } judge: { answer in
            guard answer.isGood else { throw CommandFailure.found("not every webhook is as it should be") }
        }
    }
}

struct ConnectionRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Forget a connection, its key and its secrets. What is on the log stays."
    )

    @OptionGroup var options: ConnectionOptions

    @Flag(name: .customLong("delete-hooks"), help: "Delete its webhooks at CircleCI, too.")
    var deletesHooks = false

    func run() async throws {
        try await options.perform(.remove(options.id, deletesHooks: deletesHooks)) { (answer: HooksAnswer) in
            answer.show()
            Console.error("connection \(options.id) removed")
        }
    }
}

enum KeyExpiryOption {
    static func day(_ text: String?) throws -> Day? {
        guard let text else { return nil }
        guard let day = Day(text) else {
            throw CommandFailure.misuse("--key-expires: '\(text)' is no day", hint: "as in 2027-11-22")
        }
        return day
    }
}
