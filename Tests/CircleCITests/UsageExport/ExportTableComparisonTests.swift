import FakeCircleCI
import TestSupport
import Testing

@testable import CircleCI

/// ``ExportTable`` takes sixteen bytes a step; here it is compared with ``ReferenceTable``, which takes one.
struct ExportTableComparisonTests {
    @Test(arguments: 0..<200)
    func `any bytes are read as byte by byte, however they come`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let text = ExportTableComparisonTests.text(&generator)
            let expected = ReferenceTable(text)
            for chunk in [1, 7, text.count + 1] {
                let input = ExportInput(name: "t", read: source(text, chunk: chunk))
                let table = ExportTable(input, name: "t", initialBytes: 16)
                var rows: [ReferenceTable.Row] = []
                var problem: UsageExportError.Code?
                do throws(UsageExportError) {
                    while try table.next() {
                        let cells = table.fields.map { $0.isNull ? nil : [UInt8](table.bytes($0)) }
                        rows.append(ReferenceTable.Row(cells: cells, line: table.line))
                        expectPlain(table.row, cells, seed)
                    }
                } catch {
                    problem = error.code
                }
                #expect(rows == expected.rows && problem == expected.problem, "seed \(seed), \(text)")
            }
        }
    }

    /// What is called plain has to be; and what any export is full of must not be taken for odd.
    private func expectPlain(_ row: ExportTable.Row, _ cells: [[UInt8]?], _ seed: UInt64) {
        let isPlain = cells.allSatisfy { cell in
            (cell ?? []).allSatisfy { (0x20..<0x80).contains($0) && $0 != 0x22 && $0 != 0x5c }
        }
        #expect(!row.isPlain || isPlain, "seed \(seed)")
        let isEscaped = (0..<row.count).contains { row[$0].isEscaped && !row[$0].isNull }
        #expect(row.isPlain || !isPlain || isEscaped, "seed \(seed)")
    }

    /// Mostly of the bytes that mean something, in stretches that end anywhere in a step of sixteen.
    private static func text(_ generator: inout SeededGenerator) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<Int.random(in: 0..<24, using: &generator) {
            switch Int.random(in: 0..<8, using: &generator) {
            case 0..<4: text.append(Array("\",\\\n\rNn".utf8).randomElement(using: &generator)!)
            case 4: text += Array("\\N".utf8)
            case 5: text.append(UInt8.random(in: .min ... .max, using: &generator))
            default:
                let count = Int.random(in: 0..<40, using: &generator)
                text += (0..<count).map { _ in UInt8.random(in: 0x41..<0x7b, using: &generator) }
            }
        }
        return text
    }
}
