/// The answer to a question about usage: named columns with a unit each, and rows. JSON, CSV, a terminal's table and a page
/// are all written from it, so that they never disagree.
public struct ReportTable: Sendable {
    /// What a column's values are, and so how they are written.
    public enum Kind: Sendable {
        case text
        /// A UTC day or month, written as it stands.
        case day
        case count
        case milliseconds
        /// Thousandths of a credit, written as a decimal of credits.
        case credits
        /// By how many thousandths of a credit something changed, written likewise.
        case creditsChange
        /// ``Money``, written as a decimal of the currency's unit.
        case money
        /// Hundredths of a percent, written as a decimal of percent.
        case percent
        /// An exact decimal: thousandths, or ``Money`` with all its digits.
        case decimal
        case bool
    }

    public struct Column: Sendable {
        /// As programs read it: `duration_ms`.
        public var name: String
        public var kind: Kind
        /// As people read it: `Minutes`.
        public var title: String

        public init(_ name: String, _ kind: Kind, _ title: String) {
            self.name = name
            self.kind = kind
            self.title = title
        }
    }

    public enum Value: Hashable, Sendable {
        case text(String)
        /// In the column's unit.
        case integer(Int)
        case money(Money)
        case bool(Bool)
        /// Not known, or nothing to say: `null`, and empty in CSV.
        case none

        public init(_ text: String?) { self = text.map(Value.text) ?? .none }
        public init(_ integer: Int?) { self = integer.map(Value.integer) ?? .none }
        public init(_ money: Money?) { self = money.map(Value.money) ?? .none }
        public init(_ bool: Bool?) { self = bool.map(Value.bool) ?? .none }
    }

    public var columns: [Column]
    /// As many values as there are columns.
    public private(set) var rows: [[Value]] = []
    /// How many rows ``keep(from:count:)`` left out before ``rows``, and how many behind them.
    public private(set) var leftOut = (before: 0, behind: 0)

    public init(columns: [Column]) {
        self.columns = columns
    }

    public mutating func append(_ row: [Value]) {
        precondition(row.count == columns.count, "a row has as many values as the table has columns")
        rows.append(row)
    }

    /// The place of a column; nil where there is none of that name.
    public func column(_ name: String) -> Int? { columns.firstIndex { $0.name == name } }

    /// All rows, those that were left out too.
    public var totalRows: Int { leftOut.before + rows.count + leftOut.behind }

    /// The place of the first row that was left out behind; nil where there is none.
    public var nextOffset: Int? { leftOut.behind > 0 ? leftOut.before + rows.count : nil }

    /// A page of the rows: from the one at `offset` on, at most `count`; nil: all of these.
    public mutating func keep(from offset: Int = 0, count: Int? = nil) {
        let first = min(offset, rows.count)
        let end = count.map { min(first + $0, rows.count) } ?? rows.count
        leftOut = (leftOut.before + first, leftOut.behind + rows.count - end)
        rows = Array(rows[first..<end])
    }

    /// Adds a column, and to each row its value.
    public mutating func insert(_ column: Column, at place: Int, _ value: ([Value]) -> Value) {
        columns.insert(column, at: place)
        for index in rows.indices { rows[index].insert(value(rows[index]), at: place) }
    }

    /// Sorts by a column, numbers from the greatest down and texts from the first up; rows that are equal in it keep their
    /// order.
    public mutating func sort(by column: Int) {
        let sorted = rows.enumerated().sorted { first, second in
            let (mine, theirs) = (first.element[column], second.element[column])
            if mine.comesBefore(theirs) { return true }
            if theirs.comesBefore(mine) { return false }
            return first.offset < second.offset
        }
        rows = sorted.map(\.element)
    }

    /// A value as programs read it in CSV; nil where there is none.
    public func text(of value: Value, in column: Column) -> String? {
        switch value {
        case .none: nil
        case .text(let text): text
        case .bool(let bool): bool ? "true" : "false"
        case .money(let money): column.kind == .decimal ? money.exactDecimal : money.decimal(digits: 6)
        case .integer(let integer):
            switch column.kind {
            case .credits, .creditsChange, .decimal: DecimalText.credits(integer)
            case .percent: DecimalText.signed(integer, digits: 2)
            default: String(integer)
            }
        }
    }
}

extension ReportTable.Value {
    fileprivate func comesBefore(_ other: ReportTable.Value) -> Bool {
        switch (self, other) {
        case (.text(let mine), .text(let theirs)): mine.precedesInBytes(theirs)
        case (.integer(let mine), .integer(let theirs)): mine > theirs
        case (.money(let mine), .money(let theirs)): mine.trillionths > theirs.trillionths
        case (.bool(let mine), .bool(let theirs)): mine && !theirs
        case (.none, _): false
        case (_, .none): true
        default: false
        }
    }
}
