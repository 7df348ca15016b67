import ArgumentParser
import Wire

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Read, check, repair and compress the log. Reading does not need the service to stop.",
        subcommands: [
            LogCat.self, LogVerify.self, LogStat.self, LogRepairCommand.self, LogCompress.self, LogExpand.self,
        ]
    )
}

/// One end of a range of records: a sequence, or an instant or day of receipt.
enum RecordBound: ExpressibleByArgument {
    case sequence(Int)
    case instant(Timestamp)
    case day(Day)

    init?(argument: String) {
        if let sequence = Int(argument) {
            self = .sequence(sequence)
        } else if let day = Day(argument) {
            self = .day(day)
        } else if let instant = Timestamp(argument) {
            self = .instant(instant)
        } else {
            return nil
        }
    }

    func isAtOrBefore(sequence: Int, receivedAt: Timestamp) -> Bool {
        switch self {
        case .sequence(let first): first <= sequence
        case .instant(let first): first <= receivedAt
        case .day(let first): first <= receivedAt.day
        }
    }

    func isAtOrAfter(sequence: Int, receivedAt: Timestamp) -> Bool {
        switch self {
        case .sequence(let last): sequence <= last
        case .instant(let last): receivedAt <= last
        case .day(let last): receivedAt.day <= last
        }
    }
}

/// Which records a command is about.
struct RecordRange: ParsableArguments {
    @Option(help: "From this record on: a sequence, or when it was received (2026-11-22 or 2026-11-22T08:00:00Z).")
    var from: RecordBound?

    @Option(help: "Through this record: a sequence, or when it was received.")
    var to: RecordBound?

    func contains(sequence: Int, receivedAt: Timestamp) -> Bool {
        (from?.isAtOrBefore(sequence: sequence, receivedAt: receivedAt) ?? true)
            && (to?.isAtOrAfter(sequence: sequence, receivedAt: receivedAt) ?? true)
    }

    /// Whether no later record can be in the range. Only sequences grow for certain; clocks may be set back.
    func isPast(sequence: Int) -> Bool {
        if case .sequence(let last) = to { sequence > last } else { false }
    }
}
