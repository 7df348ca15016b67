import Wire

/// A chart as a page shows it: a table that everybody can read, and the same numbers for the script that draws them.
struct ChartView {
    /// What is stacked in each bar.
    struct Series {
        let name: String
        /// The custom property of the style sheet, without its dashes.
        let color: String
        /// One for each label.
        let values: [Int]
    }

    struct ChartColumn {
        let columnTitle: String
        let isNumberColumn: Bool
    }

    struct ChartRow {
        let rowTitle: String
        let rowValues: [String]
    }

    /// How the values are read.
    enum Unit: Int {
        case count = 1
        /// Thousandths of a credit.
        case credits = 1000
        /// Milliseconds.
        case minutes = 60_000

        func text(_ value: Int) -> String {
            self == .credits ? ReportText.credits(value) : grouped(value / rawValue)
        }
    }

    let chartID: String
    let chartTitle: String
    /// What the drawing says, for those who cannot see it.
    let chartLabel: String
    /// JSON: `labels`, `divisor` (by which values become what is shown), `isHorizontal`, and `series`, each with `name`,
    /// `color` and `values`.
    let chartData: String
    /// Whether there is a script that draws.
    var hasCanvas: Bool
    let chartColumns: [ChartColumn]
    let chartRows: [ChartRow]

    /// - Parameters:
    ///   - heading: what the labels are, such as `Day`.
    ///   - series: those that are 0 everywhere are left out of the drawing.
    ///   - more: further columns of the table.
    init(
        id: String,
        title: String,
        heading: String,
        labels: [String],
        series: [Series],
        unit: Unit,
        more: [(title: String, values: [String])] = [],
        isHorizontal: Bool = false,
        hasCanvas: Bool
    ) {
        chartID = "chart-\(id)"
        chartTitle = title
        self.hasCanvas = hasCanvas
        let sums = labels.indices.map { label in series.reduce(0) { $0 + $1.values[label] } }
        chartLabel = ChartView.label(title, labels: labels, sums: sums, unit)
        let drawn = series.filter { series in series.values.contains { $0 != 0 } }
        chartData = ChartView.data(labels, drawn.isEmpty ? Array(series.prefix(1)) : drawn, unit, isHorizontal)
        chartColumns =
            [ChartColumn(columnTitle: heading, isNumberColumn: false)]
            + (series.map(\.name) + more.map(\.title)).map { ChartColumn(columnTitle: $0, isNumberColumn: true) }
        chartRows = labels.indices.map { label in
            ChartRow(
                rowTitle: labels[label],
                rowValues: series.map { unit.text($0.values[label]) } + more.map { $0.values[label] }
            )
        }
    }

    private static func label(_ title: String, labels: [String], sums: [Int], _ unit: Unit) -> String {
        guard let first = labels.first, let last = labels.last, let most = sums.indices.max(by: { sums[$0] < sums[$1] })
        else { return title }
        let sum = unit.text(sums.reduce(0, +))
        return "\(title), \(first) to \(last): \(sum) in all, the most at \(labels[most]) with "
            + "\(unit.text(sums[most])). The table has every number."
    }

    private static func data(_ labels: [String], _ series: [Series], _ unit: Unit, _ isHorizontal: Bool) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("labels", array: { json in for label in labels { json.string(label) } })
            json.member("divisor", unit.rawValue)
            json.member("isHorizontal", isHorizontal)
            json.member(
                "series",
                array: { json in
                    for one in series {
                        json.object { json in
                            json.member("name", one.name)
                            json.member("color", one.color)
                            json.member("values", array: { json in for value in one.values { json.integer(value) } })
                        }
                    }
                }
            )
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
