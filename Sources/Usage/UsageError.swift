/// What can go wrong while counters are derived. The log is untouched by all of it: the snapshot can be made again.
public struct UsageError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case damagedPartition = "damaged_partition"
        case damagedHistogram = "damaged_histogram"
    }

    public let code: Code
    public let message: String
    public let hint: String

    static let damagedPartition = UsageError(
        code: .damagedPartition,
        message: "a stored partition of runs is not readable",
        hint: "rebuild the snapshot from the log: circlemeter replay"
    )
    static let damagedHistogram = UsageError(
        code: .damagedHistogram,
        message: "a stored histogram of durations is not readable",
        hint: "rebuild the snapshot from the log: circlemeter replay"
    )

    public var description: String { "\(message) (\(hint))" }
}
