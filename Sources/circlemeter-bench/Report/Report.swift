import Foundation
import Meter
import Wire

/// Everything that was measured, with the conditions.
struct Report: Encodable {
    struct Section: Encodable {
        var title: String
        var conditions: String
        var rows: [Row]
        var checks: [Check] = []
    }

    /// One quantity, a value for each round; medians are compared.
    struct Row {
        var name: String
        var unit: String
        var circlemeter: [Double] = []
        /// What circlemeter is held against; empty where there is nothing.
        var against = ""
        var other: [Double] = []
        /// All of them have to be reached.
        var aims: [Aim] = []
        /// Why there is no value, or what it is worth.
        var note: String?

        /// Of the medians; nil where only one side has any.
        var ratio: Double? {
            circlemeter.isEmpty || other.isEmpty ? nil : circlemeter.median / other.median
        }
    }

    enum Aim {
        /// Of circlemeter's median to the other's.
        case ratioAtLeast(Double), ratioAtMost(Double)
        /// Of circlemeter's median itself.
        case below(Double), atLeast(Double)
    }

    /// What must be equal for the figures to mean anything.
    struct Check: Encodable {
        var name: String
        var found: Int
        var expected: Int

        var holds: Bool { found == expected }
    }

    var date = Timestamp.now.description
    var machine: Machine
    var versions: [String: String]
    /// How often each side ran, in turn.
    var rounds: Int
    var sections: [Section] = []

    init(machine: Machine, versions: [String: String], rounds: Int) {
        self.machine = machine
        self.versions = versions
        self.rounds = rounds
    }

    var allChecksHold: Bool { sections.allSatisfy { $0.checks.allSatisfy(\.holds) } }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension Report.Row {
    /// Whether every aim is reached; nil where there is none.
    var isReached: Bool? {
        guard !aims.isEmpty else { return nil }
        guard !circlemeter.isEmpty else { return false }
        return aims.allSatisfy { aim in
            switch aim {
            case .ratioAtLeast(let least): ratio.map { $0 >= least } ?? false
            case .ratioAtMost(let most): ratio.map { $0 <= most } ?? false
            case .below(let limit): circlemeter.median < limit
            case .atLeast(let least): circlemeter.median >= least
            }
        }
    }

    var aimText: String? {
        guard !aims.isEmpty else { return nil }
        return aims.map { aim in
            switch aim {
            case .ratioAtLeast(let least): "at least \(Report.number(least))"
            case .ratioAtMost(let most): "at most \(Report.number(most))"
            case .below(let limit): "below \(Report.number(limit)) \(unit)"
            case .atLeast(let least): "at least \(Report.number(least)) \(unit)"
            }
        }.joined(separator: ", ")
    }
}

extension Report.Row: Encodable {
    private enum Key: String, CodingKey {
        case name, unit, circlemeter, against, other, ratio, aim, isReached, note
        case circlemeterRounds, otherRounds
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(unit, forKey: .unit)
        if !circlemeter.isEmpty {
            try container.encode(circlemeter.median, forKey: .circlemeter)
            try container.encode(circlemeter, forKey: .circlemeterRounds)
        }
        if !other.isEmpty {
            try container.encode(against, forKey: .against)
            try container.encode(other.median, forKey: .other)
            try container.encode(other, forKey: .otherRounds)
        }
        try container.encodeIfPresent(ratio, forKey: .ratio)
        try container.encodeIfPresent(aimText, forKey: .aim)
        try container.encodeIfPresent(isReached, forKey: .isReached)
        try container.encodeIfPresent(note, forKey: .note)
    }
}
