import FakeCircleCI
import TestSupport
import Testing

@testable import CircleCI

/// The dialect of the usage export, against a table that was written in it.
struct ExportTableTests {
    @Test(arguments: 0..<60)
    func `rows written in any form of the dialect are read back, however the bytes come`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let width = Int.random(in: 2..<7, using: &generator)
        let table = (0..<Int.random(in: 1..<12, using: &generator)).map { _ in
            (0..<width).map { _ in ExportTableTests.cell(&generator) }
        }
        let text = ExportTableTests.written(table, &generator)
        for _ in 0..<4 {
            let isCompressed = Bool.random(using: &generator)
            let chunk = Int.random(in: 1..<9, using: &generator)
            let read = try ExportTableTests.rows(isCompressed ? GzipWriter.compressed(text) : text, chunk: chunk)
            #expect(read == table, "seed \(seed)")
        }
    }

    @Test func `lines are counted through quoted line ends, escapes and all three kinds of ends`() throws {
        let text = "a,b\n1,\"x\ny\"\r\n2,z\r3,\\\nq\n\n4,w"
        let table = ExportTable(ExportInput(name: "t", read: source(Array(text.utf8), chunk: 3)), name: "t")
        var lines: [Int] = []
        while try table.next() { lines.append(table.line) }
        #expect(lines == [1, 2, 4, 5, 8])
    }

    @Test func `a compressed file cut anywhere is damaged, never short`() throws {
        var text: [UInt8] = Array("a,b\n".utf8)
        for number in 0..<200 { text += Array("\(number),\(number &* 2_654_435_761 % 9973)\n".utf8) }
        let compressed = GzipWriter.compressed(text)
        for count in 2..<compressed.count {
            let error = #expect(throws: UsageExportError.self) {
                try ExportTableTests.rows(Array(compressed[..<count]), chunk: 64)
            }
            #expect(error?.code == .damagedGzip, "cut at \(count)")
        }
        for _ in 0..<50 {
            var damaged = compressed
            damaged[Int.random(in: 20..<damaged.count - 8)] ^= UInt8.random(in: 1...255)
            #expect(throws: UsageExportError.self) { try ExportTableTests.rows(damaged, chunk: 64) }
        }
    }

    @Test func `several compressed members are one file`() throws {
        let file = GzipWriter.compressed(Array("a,b\n1,".utf8)) + GzipWriter.compressed(Array("2\n3,4\n".utf8))
        #expect(try ExportTableTests.rows(file, chunk: 5) == [["a", "b"], ["1", "2"], ["3", "4"]])
    }

    @Test func `a field of ten megabytes is refused with its line, and memory stays bounded`() throws {
        for isQuoted in [false, true] {
            let quote = isQuoted ? "\"" : ""
            var text = Array("a,b\n1,2\n3,\(quote)".utf8)
            text += [UInt8](repeating: UInt8(ascii: "x"), count: 10 << 20)
            text += Array("\(quote)\n".utf8)
            let error = #expect(throws: UsageExportError.self) { try ExportTableTests.rows(text, chunk: 1 << 16) }
            #expect(error?.code == .fieldTooLong && error?.line == 3)
        }
    }

    @Test(arguments: ["\"a\"b,c\n", "\"a,b\n", "a,\"b"])
    func `quotes that do not end, or that text follows, are an error`(_ text: String) {
        let error = #expect(throws: UsageExportError.self) { try ExportTableTests.rows(Array(text.utf8), chunk: 4) }
        #expect(error?.code == .badQuotes && error?.line == 1)
    }

    /// Nil is NULL.
    private static func rows(_ bytes: [UInt8], chunk: Int) throws -> [[String?]] {
        let input = ExportInput(name: "t", read: source(bytes, chunk: chunk))
        let table = ExportTable(input, name: "t", initialBytes: 16)
        var rows: [[String?]] = []
        while try table.next() {
            rows.append(table.fields.map { $0.isNull ? nil : String(decoding: table.bytes($0), as: UTF8.self) })
        }
        return rows
    }

    private static func cell(_ generator: inout SeededGenerator) -> String? {
        let words = [
            "", "plain", "a,b", "say \"x\"", "back\\slash", "line\nend", "cr\rlf\r\n", "N", "\\N", "ü→🚀", " x ", "\t",
        ]
        return Int.random(in: 0..<10, using: &generator) == 0 ? nil : words.randomElement(using: &generator)
    }

    /// The table as text, each cell in one of the forms that mean it.
    private static func written(_ table: [[String?]], _ generator: inout SeededGenerator) -> [UInt8] {
        var text = Bool.random(using: &generator) ? "\u{feff}" : ""
        let end = ["\n", "\r\n", "\r"].randomElement(using: &generator)!
        for (index, row) in table.enumerated() {
            text += row.map { form($0, &generator) }.joined(separator: ",")
            if index + 1 < table.count || Bool.random(using: &generator) { text += end }
            if Int.random(in: 0..<5, using: &generator) == 0, index + 1 < table.count { text += end }
        }
        return Array(text.utf8)
    }

    private static func form(_ cell: String?, _ generator: inout SeededGenerator) -> String {
        guard let cell else { return "\\N" }
        let needsQuotes = cell.utf8.contains { [0x22, 0x2c, 0x0a, 0x0d].contains($0) }
        let isQuoted = needsQuotes && Bool.random(using: &generator) || Bool.random(using: &generator)
        var form = ""
        for scalar in cell.unicodeScalars {
            switch scalar {
            case "\\": form += "\\\\"
            case "\"": form += isQuoted && Bool.random(using: &generator) ? "\"\"" : "\\\""
            case "\n": form += isQuoted && Bool.random(using: &generator) ? "\n" : "\\n"
            case "\r": form += isQuoted && Bool.random(using: &generator) ? "\r" : "\\r"
            case ",": form += isQuoted ? "," : "\\,"
            default: form.unicodeScalars.append(scalar)
            }
        }
        return isQuoted ? "\"\(form)\"" : form
    }
}

/// Hands bytes out in pieces of at most `chunk`.
func source(_ bytes: [UInt8], chunk: Int) -> (UnsafeMutableRawBufferPointer) -> Int {
    var position = 0
    return { buffer in
        let count = min(chunk, buffer.count, bytes.count - position)
        buffer.copyBytes(from: bytes[position..<(position + count)])
        position += count
        return count
    }
}
