import Foundation
import Testing

@testable import Meter

/// The Grafana dashboard asks for metrics and labels that there are.
struct GrafanaTests {
    private struct Dashboard: Decodable {
        struct Source: Decodable {
            var uid: String
        }
        struct Target: Decodable {
            var expr: String
            var datasource: Source
        }
        struct Place: Decodable, Hashable {
            var x: Int
            var y: Int
            var w: Int
            var h: Int
        }
        struct Panel: Decodable {
            var id: Int
            var type: String
            var title: String
            var description: String?
            var gridPos: Place
            var targets: [Target]?
        }
        struct Variable: Decodable {
            var name: String
        }
        struct Templating: Decodable {
            var list: [Variable]
        }
        var panels: [Panel]
        var templating: Templating
    }

    /// As the code that counts gives them.
    private static let labels: [String: Set<String>] = [
        MetricNames.deliveries.name: ["outcome", "reason"], MetricNames.refusedDeliveries.name: ["outcome"],
        MetricNames.connectionState.name: ["connection", "state"],
        MetricNames.keyDaysLeft.name: ["connection"], MetricNames.reconciledThrough.name: ["connection"],
        MetricNames.missingItems.name: ["connection"], MetricNames.reconciledEvents.name: ["connection"],
        MetricNames.settledRows.name: ["connection", "outcome"],
        MetricNames.usageExports.name: ["connection", "outcome"],
        MetricNames.settledThrough.name: ["connection"], MetricNames.apiCalls.name: ["endpoint", "status"],
        MetricNames.apiWaits.name: ["reason"], MetricNames.apiRefusals.name: ["reason"],
        MetricNames.notices.name: ["connection", "kind"],
    ]

    /// By the name under which a query finds it.
    private static let definitions: [String: MetricDefinition] = {
        var definitions: [String: MetricDefinition] = [:]
        for definition in MetricNames.all {
            switch definition.kind {
            case .counter: definitions["\(definition.name)_total"] = definition
            case .gauge: definitions[definition.name] = definition
            case .histogram: definitions["\(definition.name)_bucket"] = definition
            }
        }
        return definitions
    }()

    private static func dashboard() throws -> Dashboard {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try JSONDecoder().decode(
            Dashboard.self,
            from: try Data(contentsOf: root.appending(path: "dashboards/grafana.json"))
        )
    }

    @Test func `every query of the Grafana dashboard names metrics and labels that there are`() throws {
        let dashboard = try Self.dashboard()
        let queries = dashboard.panels.flatMap { $0.targets ?? [] }
        #expect(queries.count > 20 && Set(dashboard.templating.list.map(\.name)) == ["datasource", "connection"])
        var asked: Set<String> = []
        for query in queries {
            #expect(query.datasource.uid == "${datasource}")
            let names = query.expr.matches(of: /circlemeter_[a-z_]+/).map { String($0.output) }
            #expect(!names.isEmpty, "\(query.expr)")
            var known: Set<String> = ["le"]
            for name in names {
                let definition = Self.definitions[name]
                #expect(definition != nil, "\(name) is no metric")
                guard let definition else { continue }
                asked.insert(definition.name)
                known.formUnion(Self.labels[definition.name] ?? [])
            }
            let matched = query.expr.matches(of: /([a-z]+)(?:=~|!~|!=|=)"/).map { String($0.output.1) }
            let grouped = query.expr.matches(of: /by \(([a-z, ]+)\)/)
                .flatMap { $0.output.1.split(separator: ",").map { $0.filter { $0 != " " } } }
            for label in matched + grouped { #expect(known.contains(label), "\(label) in \(query.expr)") }
        }
        #expect(asked == Set(MetricNames.all.map(\.name)), "each metric is shown somewhere")
    }

    @Test func `panels have ids of their own, say what they show, and lie side by side`() throws {
        let panels = try Self.dashboard().panels
        #expect(Set(panels.map(\.id)).count == panels.count)
        var taken: Set<[Int]> = []
        for panel in panels {
            let place = panel.gridPos
            #expect(panel.type == "row" || panel.description?.isEmpty == false, "\(panel.title)")
            #expect(place.x >= 0 && place.x + place.w <= 24)
            for x in place.x..<(place.x + place.w) {
                for y in place.y..<(place.y + place.h) {
                    #expect(taken.insert([x, y]).inserted, "\(panel.title) lies on another")
                }
            }
        }
    }
}
