import Foundation
import Testing
import Usage

@testable import Meter

/// README names the counters' tables of `usage.sqlite` and their columns as they are.
struct ReadmeTablesTests {
    @Test func `README's table of the tables of usage sqlite has every counter, key and value, in order`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let start = try #require(readme.range(of: "| table of `usage.sqlite` |"))
        var documented: [String: (keys: [String], values: [String])] = [:]
        for line in readme[start.lowerBound...].components(separatedBy: "\n").dropFirst(2) {
            guard line.hasPrefix("|") else { break }
            let cells = line.split(separator: "|").map { cell in
                cell.matches(of: /`([a-z0-9_]+)`/).map { String($0.output.1) }
            }
            try #require(cells.count == 3 && cells[0].count == 1)
            documented[cells[0][0]] = (cells[1], cells[2])
        }
        for table in UsageTable.stored {
            #expect(documented[table.rawValue]?.keys == table.keyNames, "\(table)")
            #expect(documented[table.rawValue]?.values == table.valueNames, "\(table)")
        }
    }
}
