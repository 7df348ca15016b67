import AsyncHTTPClient
import FakeCircleCI
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// What people see first.
@Suite(.timeLimit(.minutes(5)))
struct OverviewPageTests {
    private func page(_ live: LiveService, _ path: String = "/") async throws -> String {
        let answer = try await APIClient(live: live).ask(.GET, path)
        #expect(answer.status == 200)
        return answer.text
    }

    /// Two days, the last of which is today.
    private func fill(_ live: LiveService) async throws -> Snapshot {
        var options = FakeHistoryOptions(seed: 21, firstDay: Timestamp.now.day.adding(days: -1))
        options.dayCount = 2
        options.weekendShare = 1
        options.pipelinesPerDay = 8
        _ = try await live.send(FakeHistory(options: options).deliveries)
        return try await live.snapshot()
    }

    @Test func `today's figures are of today, and those of 30 days of all`() async throws {
        let live = try await LiveService()
        let snapshot = try await fill(live)
        let today = Timestamp.now.day
        func runs(_ rows: [Snapshot.Row]) -> String {
            grouped(rows.reduce(0) { sum, row in (0..<5).reduce(sum) { $0 + row.tally[$1] } })
        }
        let page = try await page(live)
        let sections = page.components(separatedBy: "<section")
        let todaySection = try #require(sections.first { $0.contains("<h2 id=\"today\">") })
        let monthSection = try #require(sections.first { $0.contains("<h2 id=\"month\">") })
        let todayRuns = runs(snapshot[.jobs].filter { $0.key.day == today })
        let allRuns = runs(snapshot[.jobs].filter { $0.key.day <= today })
        #expect(todayRuns != allRuns)
        #expect(todaySection.contains("<dt>Job runs</dt><dd>\(todayRuns)</dd>"))
        #expect(monthSection.contains("<dt>Job runs</dt><dd>\(allRuns)</dd>"))
        #expect(todaySection.contains("all provisional") && monthSection.contains("Workflow runs"))
        #expect(page.contains("up to date with the log") && page.contains("nothing known"))
        #expect(page.contains("<a href=\"/usage?group_by=workflow%2Cjob&amp;project="))
        await live.stop()
    }

    @Test func `without the charts' script a page has tables, no canvas and no script for charts`() async throws {
        let live = try await LiveService(chartScript: nil)
        _ = try await fill(live)
        let page = try await page(live)
        #expect(!page.contains("<canvas") && !page.contains("/assets/chart"))
        #expect(page.contains("<details id=\"chart-runs-table\" open>"))
        await live.stop()
    }

    @Test func `with the charts' script each chart has its data, its words and its table`() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path("chart.min.js")
        try Data("// draws".utf8).write(to: URL(filePath: path))
        let live = try await LiveService(chartScript: path)
        _ = try await fill(live)
        let page = try await page(live)
        let scripts = ["chart.min.js", "charts.js", "live.js"].map { "<script src=\"/assets/\($0)\" defer></script>" }
        #expect(scripts.allSatisfy { page.contains($0) })
        #expect(page.components(separatedBy: "<canvas role=\"img\" aria-label=\"").count == 3)
        #expect(page.contains("<details id=\"chart-credits-table\">"))
        await live.stop()
    }

    @Test func `the usage page shows each day by project, whatever part of the rows is asked for`() async throws {
        let live = try await LiveService()
        _ = try await fill(live)
        for path in ["/usage", "/usage?offset=3&limit=1", "/usage?project=", "/usage?period=last-365-days"] {
            let page = try await page(live, path)
            let table = page.components(separatedBy: "<details id=\"chart-trend-table\"").last?
                .components(separatedBy: "</details>").first
            #expect(table?.contains("<th scope=\"row\"><bdi>\(Timestamp.now.description.prefix(7))") == true, "\(path)")
            #expect(page.contains("By project"), "\(path)")
        }
        await live.stop()
    }

    @Test func `the first start shows the way instead of empty tables`() async throws {
        let live = try await LiveService(organizationCount: 0)
        _ = try await live.snapshot()
        let first = try await page(live)
        #expect(first.contains("href=\"/connections/new\"") && first.contains("Webhooks arrive"))
        #expect(!first.contains("<table") && !first.contains("class=\"figures\""))
        await live.stop()
    }

    @Test func `what strangers write stays data in a chart`() throws {
        let names = ["\"><script>alert(1)</script>", "'; alert(1)//", "\"\u{300}", "</figure>", "{{csrfToken}}"]
        let chart = ChartView(
            id: "odd",
            title: "Odd",
            heading: "Project",
            labels: names,
            series: [ChartView.Series(name: names[0], color: "chart-1", values: [1, 2, 3, 4, 5])],
            unit: .count,
            hasCanvas: true
        )
        struct Data: Decodable {
            struct Series: Decodable {
                var name: String
                var values: [Int]
            }
            var labels: [String]
            var series: [Series]
        }
        let html = try Pages().html("chart", chart)
        for raw in ["<script", "</figure>\"", "\"\u{300}"] {
            #expect(!html.unicodeScalars.contains(raw.unicodeScalars))
        }
        let attribute = try #require(html.split(separator: "data-chart=\"").last?.prefix { $0 != "\"" })
        var json = String(attribute)
        for (escaped, text) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
            // By scalars: a mark may follow what was escaped.
            json = json.replacingOccurrences(of: escaped, with: text, options: .literal)
        }
        let data = try JSONDecoder().decode(Data.self, from: Foundation.Data(json.utf8))
        #expect(data.labels == names && data.series.map(\.name) == [names[0]])
        #expect(data.series[0].values == [1, 2, 3, 4, 5])
    }
}
