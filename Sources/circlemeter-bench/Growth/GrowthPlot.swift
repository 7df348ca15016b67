import Foundation

/// A column of small charts for each thing that grows, a row for each cost. Text and lines have colours that are
/// readable on light and on dark.
struct GrowthPlot {
    struct Point {
        var amount: Int
        /// Of processor time, for each record replayed.
        var microseconds: Double
        /// At most, while replaying.
        var mebibytes: Double
        var startMilliseconds: Double
    }

    struct Series {
        var name: String
        var points: [Point]
    }

    private struct Cost: Sendable {
        var name: String
        var value: @Sendable (Point) -> Double
    }

    private static let costs = [
        Cost(name: "replay: processor us per record") { $0.microseconds },
        Cost(name: "replay: peak memory, MiB") { $0.mebibytes },
        Cost(name: "start until ready, ms") { $0.startMilliseconds },
    ]
    private static let (columnWidth, rowHeight) = (220, 150)
    private static let (chartWidth, chartHeight) = (160, 90)
    private static let (left, top) = (44, 40)

    let series: [Series]
    let caption: String

    var svg: String {
        let width = GrowthPlot.columnWidth * series.count
        let height = GrowthPlot.top + GrowthPlot.rowHeight * GrowthPlot.costs.count + 16
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" role="img" \
            aria-label="How cost grows with \(series.map(\.name).joined(separator: "; "))">
            <style>
            text { font: 11px system-ui, sans-serif; fill: #57606a }
            .title { font-weight: 600; fill: #24292f }
            .axis { stroke: #8c959f; fill: none }
            .line { stroke: #0969da; stroke-width: 2; fill: none }
            .dot { fill: #0969da }
            @media (prefers-color-scheme: dark) {
            text { fill: #9da7b1 } .title { fill: #e6edf3 } .line { stroke: #58a6ff } .dot { fill: #58a6ff }
            }
            </style>
            """
        ]
        for (column, series) in series.enumerated() {
            let x = column * GrowthPlot.columnWidth + GrowthPlot.left
            parts.append("<text class=\"title\" x=\"\(x)\" y=\"14\">\(series.name)</text>")
        }
        for (row, cost) in GrowthPlot.costs.enumerated() {
            let values = series.flatMap(\.points).map(cost.value)
            let greatest = GrowthPlot.roundUp(values.max() ?? 1)
            let y = GrowthPlot.top + row * GrowthPlot.rowHeight
            parts.append("<text x=\"\(GrowthPlot.left)\" y=\"\(y - 8)\">\(cost.name)</text>")
            for (column, series) in series.enumerated() {
                let x = column * GrowthPlot.columnWidth + GrowthPlot.left
                parts.append(chart(series.points, cost, greatest, x: x, y: y))
            }
        }
        parts.append("<text x=\"\(GrowthPlot.left)\" y=\"\(height - 6)\">\(caption)</text>\n</svg>\n")
        return parts.joined(separator: "\n")
    }

    /// One chart: amounts on a logarithmic axis, the cost from 0 to a value that all charts of the row share.
    private func chart(_ points: [Point], _ cost: Cost, _ greatest: Double, x: Int, y: Int) -> String {
        let (width, height) = (Double(GrowthPlot.chartWidth), Double(GrowthPlot.chartHeight))
        let least = log(Double(points.first?.amount ?? 1))
        let most = log(Double(points.last?.amount ?? 1))
        let places = points.map { point in
            (
                x: Double(x) + width * (log(Double(point.amount)) - least) / max(1e-9, most - least),
                y: Double(y) + height * (1 - cost.value(point) / greatest), point: point
            )
        }
        let bottom = y + GrowthPlot.chartHeight
        func text(_ x: Double, _ y: Int, _ anchor: String, _ text: String) -> String {
            "<text x=\"\(Int(x))\" y=\"\(y)\" text-anchor=\"\(anchor)\">\(text)</text>"
        }
        var parts = [
            "<path class=\"axis\" d=\"M\(x) \(y)V\(bottom)H\(x + GrowthPlot.chartWidth)\"/>",
            text(Double(x - 5), y + 8, "end", GrowthPlot.short(greatest)), text(Double(x - 5), bottom, "end", "0"),
            "<polyline class=\"line\" points=\""
                + places.map { String(format: "%.1f,%.1f", $0.x, $0.y) }.joined(separator: " ") + "\"/>",
        ]
        for place in places {
            parts.append(
                String(format: "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>", place.x, place.y)
                    + "\(place.point.amount): \(Report.number(cost.value(place.point)))</title></circle>"
            )
            parts.append(text(place.x, bottom + 14, "middle", GrowthPlot.short(Double(place.point.amount))))
        }
        return parts.joined(separator: "\n")
    }

    /// The next of 1, 2, 3, 5, 8 times a power of ten.
    private static func roundUp(_ value: Double) -> Double {
        let power = pow(10, floor(log10(max(value, 1e-9))))
        return ([1, 2, 3, 5, 8, 10].first { $0 * power >= value } ?? 10) * power
    }

    private static func short(_ value: Double) -> String {
        value >= 1e6
            ? String(format: "%gM", value / 1e6)
            : value >= 1000 ? String(format: "%.0fk", value / 1000) : String(format: "%g", value)
    }
}
