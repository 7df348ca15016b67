import EventLog
import TestSupport
import Wire

/// A log in a temporary directory, and what tests do with it again and again.
struct LogFixture {
    static let time = Timestamp(microseconds: 1_795_335_368_123_000)

    let temporary = TemporaryDirectory()

    var directory: String { temporary.path("log") }

    func open(
        _ options: EventLog.Options = EventLog.Options(),
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(LogError) -> EventLog {
        try LogFixture.open(directory, options, fileSystem: fileSystem)
    }

    static func open(
        _ directory: String,
        _ options: EventLog.Options = EventLog.Options(),
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(LogError) -> EventLog {
        try EventLog.open(
            directory: directory,
            options: options,
            fileSystem: fileSystem,
            now: { LogFixture.time },
            deduplicationKey: { record in record.withBody { Identity.of($0) } }
        )
    }

    /// An entry whose key is the identity of its body.
    static func entry(_ body: String, signature: String? = nil) -> LogEntry {
        entry(Array(body.utf8), signature: signature)
    }

    static func entry(_ body: [UInt8], signature: String? = nil) -> LogEntry {
        LogEntry(
            receivedAt: time,
            source: .webhook,
            connection: "acme",
            signature: signature,
            body: body,
            deduplicationKey: body.withUnsafeBytes { Identity.of($0) }
        )
    }

    func path(_ segment: Int) -> String {
        let digits = String(segment)
        return "\(directory)/\(String(repeating: "0", count: 20 - digits.count))\(digits).ndjson"
    }

    func read() throws -> Reading {
        try Reading(directory: directory)
    }
}

/// All that a reader delivers.
struct Reading {
    struct Record: Hashable {
        var sequence: Int
        var batch: Int
        var body: String
        var position: LogPosition
    }

    var records: [Record] = []
    var damages: [LogDamage] = []
    var tornTail: LogDamage?
    var end: LogPosition?

    init(
        directory: String,
        after position: LogPosition? = nil,
        through limit: LogPosition? = nil,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws {
        end = try LogReader(directory: directory, fileSystem: fileSystem).read(after: position, through: limit) {
            item in
            switch item {
            case .record(let record):
                let body = record.withBody { String(decoding: $0, as: UTF8.self) }
                records.append(
                    Record(sequence: record.sequence, batch: record.batch, body: body, position: record.position)
                )
            case .damage(let damage): damages.append(damage)
            case .tornTail(let damage): tornTail = damage
            }
            return true
        }
    }

    var sequences: [Int] { records.map(\.sequence) }
    var bodies: [String] { records.map(\.body) }

    /// Whether a report accounts for this record.
    func reports(_ sequence: Int) -> Bool {
        (damages + (tornTail.map { [$0] } ?? [])).contains { $0.sequences?.contains(sequence) == true }
    }
}
