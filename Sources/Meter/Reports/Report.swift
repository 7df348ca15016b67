package import Usage
package import Wire

/// A question about usage, for commands, the API and pages alike.
package struct Report: Sendable {
    package enum Name: String, CaseIterable, Sendable {
        case usage
        case features
        case people
        case coverage
        case settlements
        case rightSizing = "right-sizing"
        case focus
        case counters

        /// Whether it counts people, whose names are merged by a file besides the snapshot.
        package var dependsOnPeople: Bool { self == .people || self == .features }
    }

    private enum Question: Sendable {
        case usage(UsageReport.Request)
        case features(FeatureReport.Detail)
        case people(today: Day)
        case coverage
        case settlements
        case rightSizing(includesAll: Bool)
        case focus
        case counters(UsageTable)
    }

    package let name: Name
    package let range: ReportRange
    private let question: Question
    /// At most so many rows; nil: all.
    let limit: Int?
    /// So many rows are left out before them.
    let offset: Int

    /// - Parameter values: `connection`, `from`, `to`, `period`, `limit`, `offset`, and what the report itself takes; of people, a
    ///   `month` stands in the place of days.
    /// - Throws: `invalid_parameter`, which names it.
    package init(_ name: Name, _ values: [String: String], today: Day) throws(MeterError) {
        var parameters = ReportParameters(values)
        self.name = name
        range = try name == .people ? parameters.month(today: today) : parameters.range(today: today)
        limit = try parameters.count("limit", in: Report.limits)
        offset = try parameters.count("offset", in: Report.offsets) ?? 0
        switch name {
        case .usage: question = .usage(try Report.usage(&parameters, range))
        case .features:
            question = .features(try parameters.choice("group_by", FeatureReport.Detail.self) ?? .feature)
        case .people: question = .people(today: today)
        case .coverage: question = .coverage
        case .rightSizing: question = .rightSizing(includesAll: try parameters.flag("all"))
        case .settlements: question = .settlements
        case .focus: question = .focus
        case .counters:
            guard let table = try parameters.choice("table", UsageTable.self) else {
                throw ReportParameters.invalid(
                    "table",
                    "Which table is not said",
                    hint: "one of " + UsageTable.allCases.map(\.rawValue).joined(separator: ", ")
                )
            }
            question = .counters(table)
        }
        try parameters.refuseOthers()
    }

    static let limits = 1...1_000_000
    static let offsets = 0...1_000_000_000

    private static func usage(
        _ parameters: inout ReportParameters,
        _ range: ReportRange
    ) throws(MeterError) -> UsageReport.Request {
        let groupings = try parameters.choices("group_by", UsageGrouping.self)
        let request = UsageReport.Request(
            range,
            by: groupings.isEmpty ? [.project] : groupings,
            project: parameters.text("project"),
            comparesBefore: try parameters.flag("compare")
        )
        guard request.isPossible else {
            throw ReportParameters.invalid(
                "group_by",
                "The counters are not kept by all of these together",
                hint: "branch goes with connection, day, month and project; resource_class, executor and "
                    + "operating_system too; project, workflow and job go together"
            )
        }
        return request
    }

    /// What part of the snapshot is needed.
    var filter: SnapshotFilter {
        var days = range.days
        switch question {
        case .usage(let request): days = request.neededRange.days
        // What was used before is told apart from what never was.
        case .features: days = days.lowerBound.adding(days: -365)...days.upperBound
        // Who is new was in none of the months before.
        case .people: days = days.lowerBound.adding(days: -400)...days.upperBound
        default: break
        }
        return SnapshotFilter(
            connection: range.connection,
            from: days.lowerBound,
            to: days.upperBound,
            tables: tables
        )
    }

    private var tables: Set<UsageTable> {
        switch question {
        // Sums stand for its rows.
        case .usage: []
        case .features: [.features, .featurePeople, .activity, .people, .identityPairs]
        case .people: [.activity, .people, .featurePeople, .identityPairs]
        case .coverage: [.coverage]
        case .settlements: [.settlements, .resources]
        case .focus: [.features, .resources]
        case .rightSizing: [.utilization, .resources]
        case .counters(let table): [table]
        }
    }

    /// The day on which a report about people is asked for; nil for the others.
    var summaryDay: Day? {
        guard case .people(let today) = question else { return nil }
        return today
    }

    /// What a report about usage adds up; nil for the others.
    var usage: UsageReport.Request? {
        guard case .usage(let request) = question else { return nil }
        return request
    }

    /// The answer.
    ///
    /// - Parameters:
    ///   - snapshot: at least of ``filter``; of a report about usage all tables, unless there are `groups`.
    ///   - groups: what ``usage`` adds up to.
    ///   - rules: by which the names of people are merged.
    /// - Throws: `no_price` where costs are asked for of days that no contract covers.
    package func table(
        of snapshot: Snapshot,
        _ groups: UsageReport.Groups? = nil,
        rules: PeopleRules
    ) throws(MeterError) -> ReportTable {
        var table: ReportTable
        switch question {
        case .usage(let request):
            let groups = groups ?? UsageReport.groups(request, of: snapshot)
            guard let answer = UsageReport.table(request, of: groups) else {
                preconditionFailure("what is not possible was refused")
            }
            table = answer
        case .features(let detail): table = FeatureReport.table(range, by: detail, of: snapshot, rules: rules)
        case .people:
            table = PeopleReport.table(
                month: range.days.lowerBound,
                connection: range.connection,
                snapshot: snapshot,
                rules: rules
            )
        case .settlements: table = SettlementReport.table(range, of: snapshot)
        case .focus:
            do throws(FocusReport.NoPrice) {
                table = try FocusReport.table(range, of: snapshot)
            } catch {
                throw MeterError(.noPrice, error.message, hint: error.hint)
            }
        case .coverage: table = CoverageReport.table(range, of: snapshot)
        case .rightSizing(let includesAll):
            table = RightSizingReport.table(range, includesAll: includesAll, of: snapshot)
        case .counters(let counters): table = CounterReport.table(counters, range, of: snapshot)
        }
        table.keep(from: offset, count: limit)
        return snapshot.namingProjects(table)
    }

    /// The month in numbers; nil where the report is not about people.
    package func summary(of snapshot: Snapshot, rules: PeopleRules) -> PeopleSummary? {
        guard case .people(let today) = question else { return nil }
        return PeopleReport.summary(
            month: range.days.lowerBound,
            today: today,
            connection: range.connection,
            snapshot: snapshot,
            rules: rules
        )
    }

    /// `{"report","connection","from","to","log":{"sequence","crc"},"total_rows","next_offset","rows":[]}` and a newline;
    /// of people also `summary`, an array of one object. `next_offset` is null where no row comes behind these.
    package func json(_ table: ReportTable, of snapshot: Snapshot, rules: PeopleRules) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("report", name.rawValue)
            json.member("connection", range.connection)
            json.member("from", range.days.lowerBound.description)
            json.member("to", range.days.upperBound.description)
            json.member(
                "log",
                object: { json in
                    json.member("sequence", snapshot.position?.sequence ?? 0)
                    json.member("crc", Hex.string(snapshot.position?.crc ?? 0))
                }
            )
            json.member("total_rows", table.totalRows)
            json.member("next_offset", table.nextOffset)
            if let summary = summary(of: snapshot, rules: rules) {
                json.name("summary")
                summary.table.writeJSON(to: &json)
            }
            json.name("rows")
            table.writeJSON(to: &json)
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    /// Reads the published snapshot of a data directory; nil where there is none. Blocks.
    package func read(_ directory: DataDirectory) throws -> Snapshot? {
        let filter = filter
        return try Replay(directory).published(connection: filter.connection, from: filter.from, to: filter.to)
    }
}
