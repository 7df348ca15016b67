import Usage

/// A report's table as a page shows it.
struct ReportView {
    struct Column {
        let title: String
        let isNumber: Bool
    }

    struct Cell {
        let text: String
        let isNumber: Bool
        /// Whether it says what the row is about.
        let isHeading: Bool
        /// Where it leads; nil: nowhere.
        let link: String?
        /// Said below, smaller. Not `note`: where a cell has none, the template would find its section's.
        let small: String?
        /// `good`, `warning`, `bad`, or nothing.
        let tone: String?
    }

    struct Row {
        let cells: [Cell]
    }

    /// Rows beyond which the rest is only counted: CSV has all.
    private static let maximumRows = 200

    let title: String
    let note: String?
    let columns: [Column]
    let rows: [Row]
    let hasRows: Bool
    let moreRows: String?
    /// Stands in the place of no rows.
    let empty: String
    /// The same with every digit.
    let csvPath: String

    /// - Parameters:
    ///   - hidden: names of columns that the page says otherwise, or not at all.
    ///   - link: the address that a cell leads to, by its column's name and its row.
    init(
        _ table: ReportTable,
        title: String,
        note: String? = nil,
        hidden: Set<String> = [],
        empty: String = "Nothing was counted in these days.",
        csvPath: String,
        link: (String, [ReportTable.Value]) -> String? = { _, _ in nil }
    ) {
        self.title = title
        self.note = note
        self.csvPath = csvPath
        self.empty = empty
        let projectName = table.column("project_name")
        let shown = table.columns.indices.filter { column in
            column != projectName && !hidden.contains(table.columns[column].name)
                // What is empty in every row only takes room.
                && table.rows.contains { $0[column] != .none }
        }
        let heading = table.column("project").flatMap { shown.contains($0) ? $0 : nil } ?? shown.first
        columns = shown.map { Column(title: table.columns[$0].title, isNumber: table.columns[$0].kind.isNumber) }
        rows = table.rows.prefix(ReportView.maximumRows).map { row in
            Row(
                cells: shown.map { place in
                    let column = table.columns[place]
                    let text = ReportText.text(row[place], column.kind)
                    let name = column.name == "project" ? projectName.map { ReportText.text(row[$0], .text) } : nil
                    return Cell(
                        text: name.flatMap { $0.isEmpty ? nil : $0 } ?? (text.isEmpty ? "–" : text),
                        isNumber: column.kind.isNumber,
                        isHeading: place == heading,
                        link: link(column.name, row),
                        small: name?.isEmpty == false ? text : nil,
                        tone: ReportView.tone(column.name, row[place])
                    )
                }
            )
        }
        hasRows = !rows.isEmpty
        moreRows = table.rows.count > rows.count ? grouped(table.rows.count - rows.count) : nil
    }

    private static func tone(_ column: String, _ value: ReportTable.Value) -> String? {
        switch (column, value) {
        case ("state", .text("settled")), ("standing", .text("used")): "good"
        case ("standing", .text("paid, unused")): "warning"
        case ("missing", .integer(let count)) where count > 0: "bad"
        default: nil
        }
    }
}
