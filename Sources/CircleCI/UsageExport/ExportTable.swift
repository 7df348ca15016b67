import Wire

/// The rows of a usage export's text, one at a time, in memory that follows the longest row and not the file.
///
/// The dialect: commas; quotes where needed, doubled or with a backslash inside; backslash escapes; `\N` unquoted is NULL;
/// line ends LF, CRLF or CR. A byte order mark and empty lines are passed over.
final class ExportTable {
    struct Field {
        var start: Int
        var end: Int
        /// Whether quotes or backslashes have to be taken out.
        var isEscaped = false
        var isNull = false
    }

    static let maximumFieldBytes = 1 << 20
    static let maximumRowBytes = 4 << 20
    /// A header may have so many columns.
    static let maximumFields = 1000

    let name: String
    private let input: ExportInput
    private var buffer: UnsafeMutableRawBufferPointer
    /// What of the buffer is filled and not yet given out.
    private var position = 0
    private var end = 0
    private var isAtEnd = false
    private var isFirstRow = true
    /// Of the next row to be read, from 1.
    private var nextLine = 1
    /// Where the present row begins, from 1.
    private(set) var line = 0
    /// The cells of the row that was read last.
    private(set) var row: Row

    /// A row's cells, valid until the next row is read.
    ///
    /// Unsafe: both memories are the table's, which outlives its rows, and the places given out are below `count`.
    struct Row {
        fileprivate(set) var count = 0
        /// Whether all texts can stand in a JSON string as they are: printable ASCII, without quotes and backslashes.
        fileprivate(set) var isPlain = true
        fileprivate(set) var bytes: UnsafeRawBufferPointer
        fileprivate let fields: UnsafeMutablePointer<Field>

        @inline(__always)
        subscript(place: Int) -> Field {
            precondition(place < count)
            return fields[place]
        }

        /// The text of a cell; nil where it is NULL or empty.
        @inline(__always)
        func text(at place: Int) -> UnsafeRawBufferPointer? {
            let field = self[place]
            guard !field.isNull, field.end > field.start else { return nil }
            return UnsafeRawBufferPointer(rebasing: bytes[field.start..<field.end])
        }

        /// All of a row's bytes, as far as texts stand in them.
        var byteCount: Int { count == 0 ? 0 : fields[count - 1].end - fields[0].start }
    }

    var fields: UnsafeBufferPointer<Field> { UnsafeBufferPointer(start: row.fields, count: row.count) }

    /// Of the file as it is, compressed or not.
    var consumedBytes: Int { input.consumedBytes }

    init(_ input: ExportInput, name: String, initialBytes: Int = 1 << 18) {
        self.input = input
        self.name = name
        buffer = .allocate(byteCount: initialBytes, alignment: 16)
        row = Row(bytes: UnsafeRawBufferPointer(buffer), fields: .allocate(capacity: ExportTable.maximumFields))
    }

    deinit {
        buffer.deallocate()
        row.fields.deallocate()
    }

    /// The present row's bytes that a field is of; valid until the next row is read.
    func bytes(_ field: Field) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: buffer[field.start..<field.end])
    }

    /// Reads the next row that is not empty; false at the end.
    func next() throws(UsageExportError) -> Bool {
        while true {
            switch try scan() {
            case .row(let after, let lines):
                line = nextLine
                nextLine += lines
                position = after
                // An empty line has one field of nothing.
                if row.count == 1, row[0].start == row[0].end, !row[0].isEscaped { continue }
                if !row.isPlain { unescape() }
                return true
            case .end:
                return false
            case .incomplete:
                try refill()
            }
        }
    }

    private enum Scan {
        case row(after: Int, lines: Int)
        case end
        /// More bytes are needed to tell.
        case incomplete
    }

    private func scan() throws(UsageExportError) -> Scan {
        if isFirstRow {
            guard end - position >= 3 || isAtEnd else { return .incomplete }
            isFirstRow = false
            if end - position >= 3, buffer[position] == 0xef, buffer[position + 1] == 0xbb, buffer[position + 2] == 0xbf
            {
                position += 3
            }
        }
        guard position < end else { return isAtEnd ? .end : .incomplete }
        // The buffer is not changed while it is walked over.
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<end])
        let isAtEnd = isAtEnd
        // Kept here and not in the table, because reaching into an object costs as much as a field.
        var row = Row(bytes: bytes, fields: row.fields)
        defer { self.row = row }
        var index = position
        var lines = 1
        while true {
            guard row.count < ExportTable.maximumFields else {
                throw error(.fieldCount, "more than \(ExportTable.maximumFields) fields")
            }
            var field = Field(start: index, end: index)
            let isComplete =
                index < bytes.count && bytes[index] == UInt8(ascii: "\"")
                ? ExportTable.scanQuoted(bytes, &index, &field, &lines, &row, isAtEnd: isAtEnd)
                : ExportTable.scanPlain(bytes, &index, &field, &lines, &row, isAtEnd: isAtEnd)
            guard isComplete else { return try incomplete(field) }
            guard field.end - field.start <= ExportTable.maximumFieldBytes else { throw tooLong() }
            if field.isEscaped, !field.isNull { row.isPlain = false }
            row.fields[row.count] = field
            row.count += 1
            #if SABOTAGE
                if Sabotage.plants("unended-row-dropped"), index == end { return .end }
            #endif
            guard index < bytes.count else { return .row(after: index, lines: lines) }
            switch bytes[index] {
            case UInt8(ascii: ","): index += 1
            case 0x0a: return .row(after: index + 1, lines: lines)
            case 0x0d:
                // The line feed that may follow may not be here yet.
                guard index + 1 < bytes.count || isAtEnd else { return .incomplete }
                let isPair = index + 1 < bytes.count && bytes[index + 1] == 0x0a
                return .row(after: index + (isPair ? 2 : 1), lines: lines)
            default: throw error(.badQuotes, "text follows the end of a quoted field")
            }
        }
    }

    private func incomplete(_ field: Field) throws(UsageExportError) -> Scan {
        guard end - field.start <= ExportTable.maximumFieldBytes + 2 else { throw tooLong() }
        guard !isAtEnd else { throw error(.badQuotes, "a quoted field does not end") }
        return .incomplete
    }

    /// False where the field does not end in what is there.
    @inline(__always)
    private static func scanPlain(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int,
        _ field: inout Field,
        _ lines: inout Int,
        _ row: inout Row,
        isAtEnd: Bool
    ) -> Bool {
        while true {
            let stretch = CellStretch(bytes, from: index, stop: UInt8(ascii: ","))
            index &+= stretch.count
            if stretch.isOdd { row.isPlain = false }
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\\") else { break }
            field.isEscaped = true
            if index + 1 < bytes.count, bytes[index + 1] == 0x0a { lines += 1 }
            index &+= 2
        }
        index = min(index, bytes.count)
        field.end = index
        field.isNull = field.isEscaped && index - field.start == 2 && bytes[index - 1] == UInt8(ascii: "N")
        return index < bytes.count || isAtEnd
    }

    /// False where the field does not end in what is there.
    @inline(__always)
    private static func scanQuoted(
        _ bytes: UnsafeRawBufferPointer,
        _ index: inout Int,
        _ field: inout Field,
        _ lines: inout Int,
        _ row: inout Row,
        isAtEnd: Bool
    ) -> Bool {
        index += 1
        field.start = index
        while true {
            let stretch = CellStretch(bytes, from: index, stop: UInt8(ascii: "\""))
            index &+= stretch.count
            if stretch.isOdd { row.isPlain = false }
            guard index < bytes.count else { return false }
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                guard index + 1 < bytes.count || isAtEnd else { return false }
                if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\"") {
                    field.isEscaped = true
                    index += 2
                    continue
                }
                field.end = index
                index += 1
                return true
            }
            if byte == UInt8(ascii: "\\") {
                field.isEscaped = true
                if index + 1 < bytes.count, bytes[index + 1] == 0x0a { lines += 1 }
                index += 2
                continue
            }
            row.isPlain = false
            if byte == 0x0a || !(index + 1 < bytes.count && bytes[index + 1] == 0x0a) { lines += 1 }
            index += 1
        }
    }

    /// Takes quotes and backslashes out of the row's fields.
    private func unescape() {
        for place in 0..<row.count where row[place].isEscaped { unescape(&row.fields[place]) }
    }

    /// Takes quotes and backslashes out of a field, in place: what is left is shorter.
    private func unescape(_ field: inout Field) {
        guard !field.isNull else { return }
        var target = field.start
        var index = field.start
        while index < field.end {
            var byte = buffer[index]
            if byte == UInt8(ascii: "\\"), index + 1 < field.end {
                index += 1
                byte = ExportTable.escaped(buffer[index])
            } else if byte == UInt8(ascii: "\""), index + 1 < field.end, buffer[index + 1] == UInt8(ascii: "\"") {
                index += 1
            }
            buffer[target] = byte
            target += 1
            index += 1
        }
        field.end = target
    }

    private static func escaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "0"): 0x00
        default: byte
        }
    }

    private func refill() throws(UsageExportError) {
        if position > 0 {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[position..<end]))
            end -= position
            position = 0
        }
        if end == buffer.count {
            guard buffer.count < ExportTable.maximumRowBytes else { throw tooLong() }
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<end]))
            buffer.deallocate()
            buffer = larger
        }
        let count = try input.fill(UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
        if count == 0 { isAtEnd = true }
        end += count
    }

    private func tooLong() -> UsageExportError {
        error(.fieldTooLong, "a field of more than \(ExportTable.maximumFieldBytes) bytes")
    }

    private func error(_ code: UsageExportError.Code, _ message: String) -> UsageExportError {
        UsageExportError(code, message, file: name, line: nextLine)
    }
}
