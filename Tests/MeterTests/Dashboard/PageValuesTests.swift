import Testing
import Wire

@testable import Meter

/// What templates are given.
struct PageValuesTests {
    private struct Inner {
        let text: String
        let note: String?
    }

    private struct Outer {
        let count: Int
        let day: Day
        let note: String?
        let rows: [Inner]
        let inner: Inner?
        let nothing: Inner?
    }

    @Test func `structures become dictionaries without what is nil; what describes itself stays`() throws {
        let rows = [Inner(text: "a", note: nil), Inner(text: "b", note: "c")]
        let day = try #require(Day("2026-11-26"))
        let outer = Outer(count: 2, day: day, note: nil, rows: rows, inner: rows[1], nothing: nil)
        let plain = try #require(PageValues.plain(outer) as? [String: Any])
        #expect(Set(plain.keys) == ["count", "day", "rows", "inner"])
        #expect(plain["count"] as? Int == 2 && plain["day"] as? Day == day)
        let shown = try #require(plain["rows"] as? [[String: String]])
        #expect(shown == [["text": "a"], ["text": "b", "note": "c"]])
        #expect(plain["inner"] as? [String: String] == shown[1])
        #expect(PageValues.plain(String?.none as Any) == nil)
        #expect((PageValues.plain(["title": "x" as Any]) as? [String: String]) == ["title": "x"])
    }
}
