import Foundation
public import Wire

/// What has to survive of a connection's usage exports: `DATA_DIR/exports/ID.json`. No address of a file is in it: those
/// are signed, and as good as a key.
struct ExportState: Codable, Sendable {
    struct Export: Codable, Sendable {
        var id: String
        var first: Day
        var last: Day
        var startedAt: Timestamp
        var lookedAt: Timestamp?
        /// The names of its files, once it is completed.
        var files: [String]?
        /// How often files of it came damaged.
        var damages = 0

        var days: ClosedRange<Day> { first...last }
    }

    struct Failure: Codable, Sendable {
        var first: Day
        var last: Day
        var at: Timestamp
        var reason: String
    }

    /// As the connection names it.
    var organization: String
    var organizationID: String?
    var exports: [Export] = []
    var starts: [Timestamp] = []
    var looks: [Timestamp] = []
    var failures: [Failure] = []
    var startsHeldUntil: Timestamp?
    var looksHeldUntil: Timestamp?
    /// When CircleCI last said that there is no export for this organization or key, and how.
    var refusedAt: Timestamp?
    var refusal: String?

    init(organization: String) {
        self.organization = organization
    }

    /// Whether every range of days begins before it ends.
    var isInOrder: Bool {
        exports.allSatisfy { $0.first <= $0.last } && failures.allSatisfy { $0.first <= $0.last }
    }

    /// `organization_id` and the like.
    private enum CodingKeys: String, CodingKey {
        case organization
        case organizationID = "organization_id"
        case exports, starts, looks, failures
        case startsHeldUntil = "starts_held_until"
        case looksHeldUntil = "looks_held_until"
        case refusedAt = "refused_at"
        case refusal
    }

    /// Forgets what no longer matters, and what a clock that was wrong has written.
    mutating func prune(at now: Timestamp, _ options: ExportOptions) {
        func matters(_ time: Timestamp, _ seconds: Double) -> Bool { time <= now && now.seconds(since: time) < seconds }
        starts.removeAll { !matters($0, 3600) }
        looks.removeAll { !matters($0, 3600) }
        failures.removeAll { !matters($0.at, options.forgetSeconds) }
        let latest = now.adding(seconds: 86_400)
        if let until = startsHeldUntil, until <= now || until > latest { startsHeldUntil = nil }
        if let until = looksHeldUntil, until <= now || until > latest { looksHeldUntil = nil }
        if let at = refusedAt, !matters(at, options.forgetSeconds) { (refusedAt, refusal) = (nil, nil) }
        for index in exports.indices {
            if let lookedAt = exports[index].lookedAt, lookedAt > now { exports[index].lookedAt = nil }
            // It is waited for, and counts, from then on.
            exports[index].startedAt = min(exports[index].startedAt, now)
        }
    }
}

extension ExportState.Export {
    private enum CodingKeys: String, CodingKey {
        case id
        case first = "from"
        case last = "to"
        case startedAt = "started_at"
        case lookedAt = "looked_at"
        case files, damages
    }
}

extension ExportState.Failure {
    private enum CodingKeys: String, CodingKey {
        case first = "from"
        case last = "to"
        case at, reason
    }
}

extension Day: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let day = Day(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no day")
        }
        self = day
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let time = Timestamp(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no time")
        }
        self = time
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
