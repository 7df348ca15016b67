/// Writes the OpenMetrics 1.0 text format (github.com/OpenObservability/OpenMetrics, "Text Format").
struct OpenMetricsText {
    private var text = ""

    /// The lines that open a family.
    mutating func append(_ definition: MetricDefinition) {
        text += "# TYPE \(definition.name) \(definition.kind.rawValue)\n"
        if let unit = definition.unit { text += "# UNIT \(definition.name) \(unit)\n" }
        if !definition.help.isEmpty { text += "# HELP \(definition.name) \(Self.escaped(definition.help))\n" }
    }

    /// One sample.
    mutating func append(_ name: String, _ labels: String, _ value: String) {
        text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }

    consuming func finish() -> String {
        text + "# EOF\n"
    }

    /// A family's name from a metric's label: letters, digits, `_` and `:`, no digit first, without `_total`.
    static func familyName(_ label: String) -> String {
        var name = Self.name(label, allowingColon: true)
        if name.hasSuffix("_total") { name.removeLast("_total".count) }
        return name
    }

    /// `name="value"`, sorted by name, without braces. Of a name that comes twice, the last counts.
    static func labels(_ dimensions: [(String, String)]) -> String {
        var labels: [String: String] = [:]
        for (name, value) in dimensions { labels[Self.name(name, allowingColon: false)] = value }
        return labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    }

    /// `1.0`, `0.25`, `+Inf`, `-Inf`, `NaN`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return "\(value)"
    }

    /// Backslash, line feed and quote, escaped as the format demands in labels and help alike.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"": escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func name(_ text: String, allowingColon: Bool) -> String {
        var name = ""
        for scalar in text.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
            if isDigit, name.isEmpty { name += "_" }
            let isAllowed = isDigit || isLetter || scalar == "_" || (allowingColon && scalar == ":")
            name.unicodeScalars.append(isAllowed ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }
}
