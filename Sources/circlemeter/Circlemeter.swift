import ArgumentParser
import Foundation
import Meter

@main
struct Circlemeter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "circlemeter",
        abstract: "The usage meter for CircleCI: webhooks in, an append-only log, counters out.",
        discussion: """
            Exit status: 0 done, 1 found something wrong, 2 misuse.
            Options of serve, and --data-dir, are settings too: CIRCLEMETER_ and the option's name in capitals, as in CIRCLEMETER_DATA_DIR.
            Shell completions: circlemeter --generate-completion-script bash|zsh|fish
            """,
        version: Version.text,
        subcommands: [
            Demo.self, Serve.self, ConnectionCommand.self, ReconcileCommand.self, SettleCommand.self, LogCommand.self,
            QuarantineCommand.self, ReplayCommand.self, RatesCommand.self, ReportCommand.self, PeopleCommand.self,
            Redeliver.self, SnapshotCommand.self, KeyCommand.self, VersionCommand.self,
        ]
    )

    /// Misuse exits with 2 and everything else that went wrong with 1, whatever the parser's own codes are.
    static func main() async {
        do {
            try MemorySecrecy.begin()
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            Console.error(failure.description)
            Foundation.exit(failure.status)
        } catch let status as ExitCode {
            Foundation.exit(status.rawValue)
        } catch {
            let isHelp = exitCode(for: error) == .success
            let isMisuse = exitCode(for: error) == .validationFailure
            if isHelp || isMisuse {
                let text = fullMessage(for: error)
                if isHelp { Console.output(text) } else { Console.error(text) }
                Foundation.exit(isHelp ? 0 : 2)
            }
            Console.error("circlemeter: \(error)")
            Foundation.exit(1)
        }
    }
}
