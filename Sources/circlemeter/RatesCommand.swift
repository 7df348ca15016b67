import ArgumentParser
import Foundation
import Meter
import Wire

struct RatesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rates",
        abstract: "What machines cost: the rate card that credits are reckoned with until a usage export settles them.",
        discussion: """
            The card is rate-card.json in the data directory, made at the first start from CircleCI's list. Edit it: a running \
            service takes it in within a minute, and puts it onto the log. Rates that change on a day are another entry of \
            "periods". With a contract, credits are shown in money, too:

              "contract": {"currency": "USD", "periods": [
                {"from": "2026-01-01", "to": "2026-12-31", "price_per_credit": "0.0006"},
                {"from": "2027-01-01", "price_per_credit": "0.00055"}]}

            Credits a minute have at most three decimals, prices nine. A period without "to" lasts until further notice.
            """,
        subcommands: [RatesShow.self, RatesCheck.self]
    )
}

struct RatesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "The card in force, and machines on the log of which it has no rate.",
        discussion: "Exit 1 where the file cannot be used, so that the card in force is an earlier one."
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "As JSON.")
    var json = false

    func run() async throws {
        let directory = try data.existingDirectory()
        let report = try await onOwnThread("circlemeter.rates") { try RateCardReport.read(directory) }
        guard let report else {
            throw CommandFailure.found(
                "there is no snapshot in \(directory.path) that this program can read",
                hint: "make it from the log: circlemeter replay --data-dir \(directory.path)"
            )
        }
        if json {
            var writer = JSONWriter()
            report.write(to: &writer)
            Console.output(writer.bytes + [UInt8(ascii: "\n")])
        } else {
            Console.output(report.text)
        }
        if let problem = report.fileProblem { throw CommandFailure.found("\(problem)") }
    }
}

struct RatesCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Whether a rate card can be used. Changes nothing, and needs no service.",
        discussion: "Exit 1 where it cannot, with the place inside the file."
    )

    @OptionGroup var data: DataOptions

    @Argument(help: "The card; otherwise the one in the data directory.", completion: .file())
    var file: String?

    func run() async throws {
        let card = try file.map { RateCardFile(path: $0) } ?? RateCardFile(data.directory())
        let checked = try await onOwnThread("circlemeter.rates") { () throws -> RateCardSummary? in
            do throws(MeterError) {
                return try card.card().map { RateCardSummary($0) }
            } catch {
                throw CommandFailure.found("\(error)")
            }
        }
        guard let checked else { throw CommandFailure.found("there is no file \(card.path)") }
        Console.output("\(card.path): good; \(checked.text)")
    }
}
