import ArgumentParser
import CircleCI
import EventLog
import Meter
import Usage
import Wire

struct LogCat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Print records of the log as they stand there, a JSON object on each line.",
        discussion:
            "Places that are not readable are named on standard error, and reading goes on behind them (exit 1)."
    )

    @OptionGroup var data: DataOptions
    @OptionGroup var range: RecordRange

    @Option(help: "Only records of this connection.")
    var connection: String?

    @Option(help: "Only events of this type, as in job-completed.")
    var type: String?

    func run() async throws {
        let directory = try data.existingDirectory()
        let (range, connection, type) = (range, connection, type)
        let damageCount = try await onOwnThread("circlemeter.log") {
            var damageCount = 0
            var output: [UInt8] = []
            _ = try LogReader(directory: directory.log).read(after: nil) { item in
                switch item {
                case .record(let record):
                    guard !range.isPast(sequence: record.sequence) else { return false }
                    guard range.contains(sequence: record.sequence, receivedAt: record.receivedAt),
                        connection.map({ $0 == record.connection }) ?? true,
                        type.map({ LogCat.type(of: record) == $0 }) ?? true
                    else { return true }
                    output.append(contentsOf: record.line)
                    output.append(UInt8(ascii: "\n"))
                    if output.count > 1 << 16 {
                        Console.output(output)
                        output.removeAll(keepingCapacity: true)
                    }
                case .damage(let damage):
                    damageCount += 1
                    Console.error("circlemeter: \(damage)")
                case .tornTail:
                    break
                }
                return true
            }
            Console.output(output)
            return damageCount
        }
        guard damageCount == 0 else { throw ExitCode(1) }
    }

    static func type(of record: LogRecord) -> String? {
        record.withBody { body in
            try? EventScanner.event(in: body).type?.string(in: body)
        }
    }
}
