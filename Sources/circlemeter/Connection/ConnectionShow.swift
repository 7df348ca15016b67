import ArgumentParser
import Foundation
import Meter

struct ConnectionList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Show the connections. No secret is shown."
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "As JSON.")
    var json = false

    func run() async throws {
        struct Answer: Decodable { var connections: [ConnectionAnswer] }
        let bytes = try await ConnectionRequest.list.perform(data: data)
        guard !json else { return Console.output(bytes) }
        let connections = try JSONDecoder().decode(Answer.self, from: Data(bytes)).connections
        if connections.isEmpty { Console.error("no connections; add one with `circlemeter connection add`") }
        for connection in connections {
            Console.output("\(connection.id)  \(connection.organization)  \(connection.state)  \(connection.message)")
        }
    }
}

struct ConnectionShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract:
            "Show a connection: its state, its projects, its webhooks at CircleCI. Exit 1 where its key is dead."
    )

    @OptionGroup var options: ConnectionOptions

    @Flag(help: "Compare the webhooks at CircleCI with what they should be; asks CircleCI.")
    var hooks = false

    func run() async throws {
        struct Drift: Decodable {
            struct Hook: Decodable {
                var project: String
                var problems: [String]
                var reason: String?
            }
            var hooks: [Hook]
        }
        if hooks {
            try await options.perform(.drift(options.id)) { (answer: Drift) in
                for hook in answer.hooks {
                    let reason = hook.reason.map { " (\($0))" } ?? ""
                    Console.output("\(hook.project)  \(hook.problems.joined(separator: ", "))\(reason)")
                }
            } judge: { answer in
                guard answer.hooks.allSatisfy({ $0.problems == ["ok"] }) else {
                    throw CommandFailure.found(
                        "webhooks are not as they should be",
                        hint: "circlemeter connection repair-hooks \(options.id)"
                    )
                }
            }
            return
        }
        try await options.perform(.show(options.id)) { (answer: ConnectionAnswer) in
            answer.show()
        } judge: { answer in
            guard answer.action == nil || answer.state != "reconnect_required" else { throw ExitCode(1) }
        }
    }
}

/// A connection as the API shows it.
struct ConnectionAnswer: Decodable {
    struct Project: Decodable {
        var slug: String
        var reconciled_through: String?
        var last_event_at: String?
        var open_pipelines: Int
        var missing: Int
        var webhook_id: String?
    }

    struct Missing: Decodable {
        var kind: String
        var id: String
        var day: String
        var reason: String
    }

    struct Warning: Decodable { var message: String }

    var id: String
    var organization: String
    var state: String
    var reason: String
    var since: String
    var message: String
    var action: String?
    var warnings: [Warning]
    var key_expires: String?
    var key_days_left: Int?
    var reconciled_through: String?
    var last_event_at: String?
    var known_projects: [Project]
    var missing: [Missing]

    func show() {
        Console.output("\(id)  \(organization)")
        Console.output("  \(state) since \(since): \(message)")
        for warning in warnings { Console.output("  also: \(warning.message)") }
        if let key_expires { Console.output("  key expires \(key_expires), in \(key_days_left ?? 0) days") }
        Console.output("  last event \(last_event_at ?? "never"), reconciled through \(reconciled_through ?? "never")")
        for project in known_projects {
            let hook = project.webhook_id == nil ? "no webhook of ours known" : "webhook made"
            Console.output(
                "  \(project.slug)  \(hook), reconciled through \(project.reconciled_through ?? "never"), "
                    + "\(project.open_pipelines) open, \(project.missing) missing"
            )
        }
        for item in missing {
            Console.output("  missing: \(item.kind) \(item.id) of \(item.day) (\(item.reason))")
        }
    }
}

/// What became of a connection's webhooks.
struct HooksAnswer: Decodable {
    struct Project: Decodable {
        var project: String
        var outcome: String
        var reason: String?
    }

    var hook_url: String?
    var listing_problem: String?
    var projects: [Project]

    private static let good: Set<String> = [
        "created", "kept", "repaired", "rotated", "deleted", "absent", "not_asked",
    ]

    var isGood: Bool {
        listing_problem == nil && projects.allSatisfy { HooksAnswer.good.contains($0.outcome) }
    }

    func show() {
        for project in projects {
            let reason = project.reason.map { " (\($0))" } ?? ""
            Console.output("\(project.project)  \(project.outcome)\(reason)")
        }
        if let listing_problem {
            Console.error(
                "the followed projects could not be listed (\(listing_problem)); name projects with --project"
            )
        }
        if projects.contains(where: { $0.outcome == "no_public_url" }) {
            Console.error("no webhook was made: CircleCI must reach the service; start it with --public-url")
        }
    }
}
