import FakeCircleCI
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Reports a page at a time.
struct ReportPagingTests {
    private static func filled() async throws -> LiveService {
        let live = try await LiveService()
        var options = FakeHistoryOptions(seed: TestSeed.of(round: 0), firstDay: Timestamp.now.day.adding(days: -3))
        options.dayCount = 3
        options.weekendShare = 1
        _ = try await live.send(FakeHistory(options: options).deliveries)
        _ = try await live.snapshot()
        return live
    }

    @Test(arguments: [
        "/api/v1/usage?group_by=project,workflow,job", "/api/v1/counters?table=branches", "/api/v1/coverage",
    ])
    func `pages together are the whole, in its order`(_ path: String) async throws {
        let live = try await ReportPagingTests.filled()
        let client = APIClient(live: live)
        let whole = try await client.ask(.GET, path)
        let rows = try ReportPagingTests.rows(whole)
        #expect(rows.count > 3)
        #expect(try whole.json()["total_rows"] as? Int == rows.count)
        #expect(try whole.json()["next_offset"] is NSNull && !whole.headers.contains(name: "link"))

        var paged: [String] = []
        var next: String? = "\(path)\(path.contains("?") ? "&" : "?")limit=2"
        var tags: Set<String> = []
        while let address = next, paged.count <= rows.count {
            let page = try await client.ask(.GET, address)
            let pageRows = try ReportPagingTests.rows(page)
            #expect(page.status == 200 && !pageRows.isEmpty && pageRows.count <= 2)
            #expect(try page.json()["total_rows"] as? Int == rows.count)
            paged += pageRows
            tags.insert(page.headers.first(name: "etag") ?? "")
            next = try ReportPagingTests.next(page)
            #expect(try page.json()["next_offset"] is NSNull == (next == nil))
        }
        #expect(paged == rows)
        #expect(tags.count == (rows.count + 1) / 2, "each page has a tag of its own")
        await live.stop()
    }

    @Test func `a CSV has the same pages, and behind the end there is nothing`() async throws {
        let live = try await ReportPagingTests.filled()
        let client = APIClient(live: live)
        let path = "/api/v1/coverage?format=csv"
        let whole = try await client.ask(.GET, path).text.split(separator: "\r\n")
        let first = try await client.ask(.GET, "\(path)&limit=1")
        let second = try await client.ask(.GET, try #require(try ReportPagingTests.next(first)))
        #expect(first.text.split(separator: "\r\n") == Array(whole[...1]))
        #expect(second.text.split(separator: "\r\n") == [whole[0], whole[2]])
        let behind = try await client.ask(.GET, "/api/v1/coverage?offset=1000000")
        #expect(try ReportPagingTests.rows(behind) == [])
        #expect(try behind.json()["total_rows"] as? Int == whole.count - 1)
        for offset in ["-1", "x", "1.5", "1000000001"] {
            #expect(try await client.ask(.GET, "/api/v1/coverage?offset=\(offset)").code == "invalid_parameter")
        }
        await live.stop()
    }

    private static func rows(_ answer: APIClient.Answer) throws -> [String] {
        let rows = try answer.json()["rows"] as? [Any] ?? []
        return try rows.map { row in
            String(decoding: try JSONSerialization.data(withJSONObject: row, options: .sortedKeys), as: UTF8.self)
        }
    }

    /// Where the `Link` header leads; nil where there is none.
    private static func next(_ answer: APIClient.Answer) throws -> String? {
        guard let link = answer.headers.first(name: "link") else { return nil }
        let parts = try #require(link.wholeMatch(of: /<(.+)>; rel="next"/))
        return String(parts.1)
    }
}
