import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Usage
import Wire

/// What is read back from JSON and CSV is what the report says.
struct ReportTableTests {
    private static let words = [
        "main", "", "a,b", "say \"x\"", "line\nbreak", "\r\n", "=1+1", "+49", "-1", "@SUM(A1)", "\t=x", "'quoted",
        "<script>alert(1)</script>", "caf\u{e9}", "\u{202e}rtl", "\u{1f600}", "null", "\\N",
        String(repeating: "x", count: 4000),
    ]

    private static func table(_ random: inout SeededGenerator) -> ReportTable {
        var table = ReportTable(columns: [
            ReportTable.Column("branch", .text, "Branch"), ReportTable.Column("runs", .count, "Runs"),
            ReportTable.Column("credits", .credits, "Credits"), ReportTable.Column("cost", .money, "Cost"),
            ReportTable.Column("cpu_pct", .percent, "CPU"), ReportTable.Column("closed", .bool, "Closed"),
        ])
        for _ in 0..<30 {
            table.append([
                .text(words.randomElement(using: &random)!), .integer(Int.random(in: -9...9_999_999, using: &random)),
                .integer(Int.random(in: -9_999...9_999_999, using: &random)),
                Int.random(in: 0..<5, using: &random) > 0
                    ? .money(Money(currency: "USD", trillionths: Int128.random(in: -9...(1 << 60), using: &random)))
                    : .none,
                .integer(Int.random(in: 0...10_000, using: &random)), .bool(Bool.random(using: &random)),
            ])
        }
        return table
    }

    @Test(arguments: 0..<20)
    func `JSON holds every row, decimals with all their digits`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let table = ReportTableTests.table(&random)
        var json = JSONWriter()
        table.writeJSON(to: &json)
        struct Row: Decodable {
            var branch: String
            var runs: Int
            var credits: Decimal
            var cost: Decimal?
            var cpu_pct: Decimal
            var closed: Bool
        }
        let rows = try JSONDecoder().decode([Row].self, from: Data(json.bytes))
        #expect(rows.count == table.rows.count, "seed \(seed)")
        for (row, values) in zip(rows, table.rows) {
            #expect(values[0] == .text(row.branch) && values[1] == .integer(row.runs), "seed \(seed)")
            #expect(values[2] == .integer(NSDecimalNumber(decimal: row.credits * 1000).intValue), "seed \(seed)")
            #expect(values[4] == .integer(NSDecimalNumber(decimal: row.cpu_pct * 100).intValue), "seed \(seed)")
            #expect(values[5] == .bool(row.closed) && (values[3] == .none) == (row.cost == nil), "seed \(seed)")
            if case .money(let money) = values[3], let cost = row.cost {
                let millionths = NSDecimalNumber(decimal: cost * 1_000_000).int64Value
                let rounded = (money.trillionths + (money.trillionths < 0 ? -500_000 : 500_000)) / 1_000_000
                #expect(Int128(millionths) == rounded, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<20)
    func `CSV read by the rules of RFC 4180 gives the texts back, and no spreadsheet a formula`(_ round: UInt64) throws
    {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let table = ReportTableTests.table(&random)
        let rows = try ReportTableTests.parsed(String(decoding: table.csv(), as: UTF8.self))
        #expect(rows[0] == table.columns.map(\.name), "seed \(seed)")
        #expect(rows.count == table.rows.count + 1, "seed \(seed)")
        for (cells, values) in zip(rows.dropFirst(), table.rows) {
            guard case .text(let text) = values[0] else { continue }
            let isFormula = text.unicodeScalars.first.map { "=+-@\t\r\n".unicodeScalars.contains($0) } ?? false
            #expect(Array(cells[0].utf8) == Array((isFormula ? "'" + text : text).utf8), "seed \(seed)")
            #expect(cells[1] == String((values[1].integer)), "seed \(seed)")
            // A negative number is a number and stays one.
            #expect(cells[2].split(separator: ".").count == 2 && Decimal(string: cells[2]) != nil, "seed \(seed)")
        }
    }

    @Test func `sorting is from the greatest down, and what is not known comes last`() {
        var table = ReportTable(columns: [
            ReportTable.Column("job", .text, "Job"), ReportTable.Column("runs", .count, "Runs"),
        ])
        for (job, runs) in [("a", 2), ("b", nil), ("c", 9), ("d", 2)] { table.append([.text(job), .init(runs)]) }
        table.sort(by: 1)
        #expect(table.rows.map { $0[0] } == ["c", "a", "d", "b"].map { .text($0) })
        table.keep(count: 2)
        #expect(table.rows.count == 2)
    }

    @Test func `pages of a table are all of it, and each says where the next one is`() {
        var table = ReportTable(columns: [ReportTable.Column("runs", .count, "Runs")])
        for runs in 0..<7 { table.append([.integer(runs)]) }
        for size in 1...8 {
            var rows: [[ReportTable.Value]] = []
            var offset: Int? = 0
            while let first = offset {
                var page = table
                page.keep(from: first, count: size)
                #expect(page.totalRows == 7 && page.rows.count <= size)
                rows += page.rows
                offset = page.nextOffset
            }
            #expect(rows == table.rows)
        }
        table.keep(from: 9, count: 2)
        #expect(table.rows.isEmpty && table.totalRows == 7 && table.nextOffset == nil)
    }

    /// A reader of its own: the writer is not to judge itself.
    private static func parsed(_ text: String) throws -> [[String]] {
        struct Malformed: Error {}
        var rows: [[String]] = []
        var row: [String] = []
        var cell = String.UnicodeScalarView()
        var isQuoted = false
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\"" where isQuoted:
                if scalars.first == "\"" {
                    cell.append("\"")
                    scalars.removeFirst()
                } else {
                    isQuoted = false
                }
            case _ where isQuoted: cell.append(scalar)
            case "\"":
                guard cell.isEmpty else { throw Malformed() }
                isQuoted = true
            case ",":
                row.append(String(cell))
                cell.removeAll()
            case "\r":
                guard scalars.popFirst() == "\n" else { throw Malformed() }
                row.append(String(cell))
                cell.removeAll()
                rows.append(row)
                row.removeAll()
            default: cell.append(scalar)
            }
        }
        guard !isQuoted, row.isEmpty, cell.isEmpty else { throw Malformed() }
        return rows
    }
}

extension ReportTable.Value {
    fileprivate var integer: Int {
        guard case .integer(let value) = self else { return 0 }
        return value
    }
}
