import Usage

/// Sums over a report's columns.
struct Sums {
    private let table: ReportTable

    init(_ table: ReportTable) {
        self.table = table
    }

    func of(_ name: String) -> Int {
        guard let column = table.column(name) else { return 0 }
        return table.rows.reduce(0) { $0 + $1[column].number }
    }

    /// Of the column `cost`; nil where a row with credits has none.
    var money: Money? {
        guard let cost = table.column("cost"), let credits = table.column("credits") else { return nil }
        var sum: Money?
        for row in table.rows where row[credits].number != 0 {
            guard case .money(let money) = row[cost] else { return nil }
            sum = Money(currency: money.currency, trillionths: (sum?.trillionths ?? 0) + money.trillionths)
        }
        return sum
    }
}

extension ReportTable.Value {
    /// 0 where it is no number.
    var number: Int {
        if case .integer(let integer) = self { return integer }
        return 0
    }
}
