import Foundation
import Meter
import Wire

/// Everything that was measured, with the conditions.
struct Report: Encodable {
    struct Section: Encodable {
        var title: String
        var conditions: String
        /// What circlemeter is held against.
        var other: String
        var rows: [Row]
        var checks: [Check]
    }

    /// One quantity, a value for each round; medians are compared.
    struct Row {
        var name: String
        var unit: String
        var circlemeter: [Double] = []
        var other: [Double]
        var target: Target?

        /// Of the medians; nil where only one side has any.
        var ratio: Double? {
            circlemeter.isEmpty || other.isEmpty ? nil : circlemeter.median / other.median
        }
    }

    enum Target {
        /// Of circlemeter's median to the other's.
        case ratioAtLeast(Double)
        /// Of circlemeter's median itself.
        case below(Double)
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
    /// Whether the target is met; nil where there is none.
    var isMet: Bool? {
        switch target {
        case .ratioAtLeast(let least): ratio.map { $0 >= least }
        case .below(let limit): circlemeter.median < limit
        case nil: nil
        }
    }

    var targetText: String? {
        switch target {
        case .ratioAtLeast(let least): "ratio at least \(Report.number(least))"
        case .below(let limit): "below \(Report.number(limit)) \(unit)"
        case nil: nil
        }
    }
}

extension Report.Row: Encodable {
    private enum Key: String, CodingKey {
        case name, unit, circlemeter, other, ratio, target, isMet
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
        try container.encode(other.median, forKey: .other)
        try container.encode(other, forKey: .otherRounds)
        try container.encodeIfPresent(ratio, forKey: .ratio)
        try container.encodeIfPresent(targetText, forKey: .target)
        try container.encodeIfPresent(isMet, forKey: .isMet)
    }
}
