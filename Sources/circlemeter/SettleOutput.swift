import Foundation
import Synchronization
import Usage
import Wire

/// Shows the lines of a settlement: how far it is, and what it did, or what it would do. Safe from several tasks.
final class SettleOutput: Sendable {
    private struct Line: Decodable {
        struct Problem: Decodable { var message: String }
        struct File: Decodable {
            var file: String
            var rows: Int
            var settled: Int
            var corrected: Int
            var confirmed: Int
            var known: Int
            var credits: Int
            var problem: Problem?
        }
        struct Days: Decodable {
            var from: String
            var to: String
            var started_at: String?
            var reason: String?
        }
        struct Export: Decodable {
            var from: String
            var to: String
            var rows: Int
            var settled: Int
            var corrected: Int
            var confirmed: Int
            var known: Int
            var credits: Int
        }
        var file: String?
        var phase: String?
        var bytes: Int?
        var total_bytes: Int?
        var rows: Int?
        var until: String?
        // Of a settlement of files.
        var files: [File]?
        var settled_days: Days?
        // Of one through the API.
        var exports: [Export]?
        var failures: [Days]?
        var problem: Problem?
        var settled_through: String?
        // Of a plan.
        var planned: [Days]?
        var under_way: [Days]?
        var refusal: String?
    }

    private struct State {
        var bar = ProgressBar("settling")
        var isGood = false
        var settledRows = 0
        var credits = 0
        var settledThrough: String?
    }

    private let connection: String
    private let isJSON: Bool
    /// Whether only the bar is shown.
    private let isQuiet: Bool
    private let state = Mutex(State())

    init(_ connection: String, isJSON: Bool, isQuiet: Bool = false) {
        self.connection = connection
        self.isJSON = isJSON
        self.isQuiet = isQuiet
    }

    func take(_ bytes: Data) {
        guard let line = try? JSONDecoder().decode(Line.self, from: bytes) else { return }
        state.withLock { state in
            if let phase = line.phase { return tell(phase, line, &state) }
            state.bar.end()
            if let files = line.files {
                state.isGood = files.allSatisfy { $0.problem == nil }
            } else if let exports = line.exports {
                state.isGood = line.problem == nil
                state.settledRows = exports.reduce(0) { $0 + $1.rows }
                state.credits = exports.reduce(0) { $0 + $1.credits }
                state.settledThrough = line.settled_through
            } else if line.planned != nil {
                state.isGood = true
            } else {
                return
            }
            if isQuiet { return }
            if isJSON { return Console.output(Array(bytes) + (bytes.last == 10 ? [] : [10])) }
            show(line)
        }
    }

    /// Whether all was settled.
    func finish() -> Bool {
        state.withLock { state in
            state.bar.end()
            return state.isGood
        }
    }

    /// Of a settlement through the API: rows, thousandths of a credit, and the day through which all is settled.
    var outcome: (rows: Int, credits: Int, settledThrough: String?) {
        state.withLock { ($0.settledRows, $0.credits, $0.settledThrough) }
    }

    private func tell(_ phase: String, _ line: Line, _ state: inout State) {
        let detail =
            switch phase {
            case "waiting": "waiting for CircleCI: \(line.file ?? ""), asked again at \(line.until ?? "")"
            case "downloading": "downloading \(line.file ?? ""): \((line.bytes ?? 0) >> 10) KiB"
            default: "\(phase) \(line.file ?? ""): \(line.rows ?? 0) rows"
            }
        state.bar.update(done: line.bytes ?? 0, total: max(1, line.total_bytes ?? 0, line.bytes ?? 0), detail: detail)
    }

    private func show(_ line: Line) {
        for file in line.files ?? [] { show(file) }
        if let days = line.settled_days { Console.output("closed: \(days.from) to \(days.to)") }
        for export in line.exports ?? [] {
            Console.output(
                "\(connection): \(export.from) to \(export.to): \(export.rows) rows, "
                    + "\(DecimalText.credits(export.credits)) credits: \(export.settled) settled, "
                    + "\(export.corrected) corrected, \(export.confirmed) confirmed, \(export.known) known already"
            )
        }
        for failure in line.failures ?? [] {
            let days = "\(failure.from) to \(failure.to)"
            Console.error("\(connection): the export of \(days) failed: \(failure.reason ?? "")")
        }
        if let problem = line.problem { Console.error("\(connection): \(problem.message)") }
        if line.exports != nil {
            let through = line.settled_through.map { "settled through \($0)" } ?? "not settled yet"
            Console.output("\(connection): \(line.exports?.isEmpty == true ? "nothing to settle; " : "")\(through)")
        }
        if let planned = line.planned { show(planned, line) }
    }

    private func show(_ planned: [Line.Days], _ line: Line) {
        for export in line.under_way ?? [] {
            Console.output(
                "\(connection): \(export.from) to \(export.to) is under way since \(export.started_at ?? "")"
            )
        }
        for slice in planned { Console.output("\(connection): would start \(slice.from) to \(slice.to)") }
        if planned.isEmpty, line.under_way?.isEmpty != false { Console.output("\(connection): nothing to settle") }
        if let refusal = line.refusal { Console.output("\(connection): lately: \(refusal)") }
    }

    private func show(_ file: Line.File) {
        if let problem = file.problem { return Console.error("\(problem.message); nothing of it was settled") }
        Console.output(
            "\(file.file): \(file.rows) rows, \(DecimalText.credits(file.credits)) credits: \(file.settled) settled, "
                + "\(file.corrected) corrected, \(file.confirmed) confirmed, \(file.known) known already"
        )
    }
}
