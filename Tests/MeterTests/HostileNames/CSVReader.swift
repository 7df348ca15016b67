/// Reads comma-separated values as RFC 4180 has them: CRLF ends a row, a quote inside a quoted cell is doubled. Anything
/// else is an error.
struct CSVReader {
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    private(set) var header: [String] = []
    private(set) var rows: [[String]] = []

    init(_ bytes: [UInt8]) throws(Problem) {
        var all: [[String]] = []
        var row: [String] = []
        var index = 0
        while index < bytes.count {
            var cell: [UInt8] = []
            if bytes[index] == UInt8(ascii: "\"") {
                index += 1
                while true {
                    guard index < bytes.count else { throw Problem(description: "a quoted cell does not end") }
                    if bytes[index] == UInt8(ascii: "\"") {
                        index += 1
                        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { break }
                    }
                    cell.append(bytes[index])
                    index += 1
                }
            } else {
                while index < bytes.count, !Array(",\"\r\n".utf8).contains(bytes[index]) {
                    cell.append(bytes[index])
                    index += 1
                }
            }
            row.append(String(decoding: cell, as: UTF8.self))
            if index < bytes.count, bytes[index] == UInt8(ascii: ",") {
                index += 1
                continue
            }
            guard bytes[index...].starts(with: [0x0d, 0x0a]) else {
                throw Problem(
                    description:
                        "row \(all.count): neither a comma nor CRLF behind \(row[row.count - 1].debugDescription)"
                )
            }
            index += 2
            all.append(row)
            row = []
        }
        guard row.isEmpty, let first = all.first, all.allSatisfy({ $0.count == first.count }) else {
            throw Problem(description: "rows of different lengths, or none")
        }
        header = first
        rows = Array(all.dropFirst())
    }
}
