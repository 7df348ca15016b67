import Usage
import Wire

/// Projects by days: each cell says by a sign and in words how complete the counters are. Projects with gaps come first.
///
/// The template looks for a name that is nil in what is around it, so no two levels share a name.
struct CoverageCalendar {
    struct Month {
        let monthTitle: String
        let columnCount: Int
        /// Whether its columns are too narrow for the title.
        let isNarrow: Bool
    }

    struct Head {
        /// `2026-11-`, for who hears the column's name.
        let unseenPart: String
        let shownPart: String
    }

    struct Cell {
        let cellTone: String
        let cellSign: String
        let cellWords: String
        let cellDetail: String
        /// Where the runs are listed; nil where there is none.
        let cellPath: String?
        let isGap: Bool
    }

    struct Line {
        let projectTitle: String
        /// The slug, where the title is another.
        let projectSlug: String?
        /// Nil where all projects are of one connection.
        let ofConnection: String?
        /// Where the project's runs of all these days are listed.
        let projectPath: String
        let dayCells: [Cell]
    }

    struct LegendEntry {
        let legendTone: String
        let legendSign: String
        let legendWords: String
    }

    /// Days, and beyond that weeks, so many of them to a column that no more columns are needed.
    static let maximumColumns = 92
    static let maximumProjects = 100

    let columnNote: String
    let monthHeads: [Month]
    let dayHeads: [Head]
    let calendarLines: [Line]
    let moreProjects: String?
    let calendarCSV: String
    let legend = CoverageDay.State.allCases.map {
        LegendEntry(legendTone: $0.tone, legendSign: $0.sign, legendWords: $0.words)
    }

    /// Nil where there is nothing to show.
    ///
    /// - Parameters:
    ///   - table: of ``CoverageReport``, with the projects' names.
    ///   - csvPath: where all of it is.
    init?(_ table: ReportTable, days: ClosedRange<Day>, csvPath: String) {
        guard !table.rows.isEmpty else { return nil }
        let columns = Columns(days)
        let projects = CoverageCalendar.projects(table, columns)
        let hasConnections = Set(projects.map(\.connection)).count > 1
        calendarCSV = csvPath
        columnNote = columns.note
        monthHeads = columns.months
        dayHeads = columns.heads
        calendarLines = projects.prefix(CoverageCalendar.maximumProjects).map { project in
            Line(
                projectTitle: project.name ?? project.slug,
                projectSlug: project.name == nil ? nil : project.slug,
                ofConnection: hasConnections ? project.connection : nil,
                projectPath: CoverageCalendar.logPath(project.slug, days),
                dayCells: project.days.indices.map { place in
                    CoverageCalendar.cell(project.days[place], project.slug, columns.days(of: place))
                }
            )
        }
        let more = projects.count - calendarLines.count
        moreProjects = more > 0 ? grouped(more) : nil
    }

    /// The page of the log that lists a project's records of these days.
    static func logPath(_ project: String, _ days: ClosedRange<Day>) -> String {
        path(
            ["project": project, "from": days.lowerBound.description, "to": days.upperBound.description],
            under: "/log",
            adding: [:]
        )
    }

    private static func cell(_ day: CoverageDay, _ project: String, _ days: ClosedRange<Day>) -> Cell {
        let name =
            days.lowerBound == days.upperBound ? "\(days.lowerBound)" : "\(days.lowerBound) to \(days.upperBound)"
        return Cell(
            cellTone: day.state.tone,
            cellSign: day.sign,
            cellWords: day.words,
            cellDetail: "\(name), \(day.detail)",
            cellPath: day.state == .noRun ? nil : logPath(project, days),
            isGap: day.state == .missing
        )
    }
}

extension CoverageCalendar {
    private struct Project {
        var connection: String
        var slug: String
        var name: String?
        var days: [CoverageDay]

        var missing: Int { days.reduce(0) { $0 + $1.missing } }
        var filledIn: Int { days.reduce(0) { $0 + $1.apiOnly + $1.exportOnly } }
    }

    /// What is missing first, then what had to be filled in, then by name.
    private static func projects(_ table: ReportTable, _ columns: Columns) -> [Project] {
        guard let connection = table.column("connection"), let slug = table.column("project"),
            let day = table.column("day")
        else { return [] }
        let name = table.column("project_name")
        var projects: [RowKey: Project] = [:]
        for row in table.rows {
            guard case .text(let id) = row[connection], case .text(let text) = row[slug],
                case .text(let date) = row[day], let place = Day(date).flatMap(columns.place)
            else { continue }
            let key = RowKey(connection: id, day: columns.first, texts: [text])
            var project =
                projects[key]
                ?? Project(
                    connection: id,
                    slug: text,
                    name: name.map { ReportText.text(row[$0], .text) }.flatMap { $0.isEmpty ? nil : $0 },
                    days: Array(repeating: CoverageDay(), count: columns.count)
                )
            project.days[place].add(CoverageDay(table, row))
            projects[key] = project
        }
        let sorted = projects.sorted { first, second in
            let (mine, theirs) = (first.value, second.value)
            if mine.missing != theirs.missing { return mine.missing > theirs.missing }
            if mine.filledIn != theirs.filledIn { return mine.filledIn > theirs.filledIn }
            return first.key < second.key
        }
        return sorted.map(\.value)
    }

    /// The days that each column stands for.
    struct Columns {
        let days: ClosedRange<Day>
        let first: Day
        let daysPerColumn: Int
        let count: Int

        init(_ days: ClosedRange<Day>) {
            self.days = days
            let dayCount = ReportRange(days).dayCount
            if dayCount <= CoverageCalendar.maximumColumns {
                (first, daysPerColumn, count) = (days.lowerBound, 1, dayCount)
                return
            }
            // Weeks begin on Monday, so the first may have begun before; 1970-01-01 was a Thursday.
            let daysSinceMonday = (Int(days.lowerBound.daysSinceEpoch) % 7 + 7 + 3) % 7
            let weekCount = (dayCount + daysSinceMonday + 6) / 7
            let weeks = (weekCount + CoverageCalendar.maximumColumns - 1) / CoverageCalendar.maximumColumns
            first = days.lowerBound.adding(days: -daysSinceMonday)
            daysPerColumn = 7 * weeks
            count = (weekCount + weeks - 1) / weeks
        }

        func place(_ day: Day) -> Int? {
            guard days.contains(day) else { return nil }
            return Int(day.daysSinceEpoch - first.daysSinceEpoch) / daysPerColumn
        }

        func days(of place: Int) -> ClosedRange<Day> {
            let start = first.adding(days: place * daysPerColumn)
            return max(start, days.lowerBound)...min(start.adding(days: daysPerColumn - 1), days.upperBound)
        }

        var note: String {
            switch daysPerColumn {
            case 1: "A column is a day, UTC."
            case 7: "A column is a week and named by its first day, UTC."
            default: "A column is \(daysPerColumn / 7) weeks and named by its first day, UTC."
            }
        }

        var heads: [Head] {
            (0..<count).map { place in
                let date = days(of: place).lowerBound.description
                return Head(unseenPart: String(date.prefix(8)), shownPart: String(date.suffix(2)))
            }
        }

        var months: [Month] {
            var months: [Month] = []
            for name in (0..<count).map({ days(of: $0).lowerBound.month }) {
                let known = months.last?.monthTitle == name ? months.removeLast().columnCount : 0
                months.append(Month(monthTitle: name, columnCount: known + 1, isNarrow: known < 2))
            }
            return months
        }
    }
}
