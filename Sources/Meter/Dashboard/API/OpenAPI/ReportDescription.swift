import Usage

/// `GET /api/v1/{usage,features,...}`: the reports, by their names and what each takes.
enum ReportDescription {
    static let operations = Report.Name.allCases.map { name in
        OpenAPIOperation(
            path: "/api/v1/\(name.rawValue)",
            id: "report-\(name.rawValue)",
            tag: "reports",
            summary: summary(name),
            text: name == .focus ? "409 `no_price` where the rate card has no price for a day with credits." : nil,
            parameters: parameters(name),
            answers: [
                .init(
                    status: 200,
                    text: "The rows, all or a page of them.",
                    content: [("application/json", .reference(schemaName(name))), ("text/csv", .string)],
                    headers: [
                        (
                            "Link",
                            [
                                "description": "Where the next page is, `rel=\"next\"`; absent on the last one.",
                                "schema": .string,
                            ]
                        )
                    ]
                )
            ],
            problems: name == .focus || name.dependsOnPeople ? [409] : [],
            hasTag: true
        )
    }

    static let schemas: [(String, OpenAPIValue)] = Report.Name.allCases.map { (schemaName($0), schema($0)) }

    /// What a report takes besides, in the words of its parameters.
    static func parameters(_ name: Report.Name) -> [OpenAPIParameter] {
        var parameters: [OpenAPIParameter] = [.connection]
        parameters += name == .people ? [.month] : [.from, .to, .period]
        switch name {
        case .usage:
            parameters += [.groupings, .project, flag("compare", "Whether the range before stands beside it.")]
        case .features: parameters.append(.detail)
        case .rightSizing: parameters.append(flag("all", "Whether jobs that need their machine are there, too."))
        case .counters: parameters.append(.table)
        case .people, .coverage, .settlements, .focus: break
        }
        return parameters + [.limit, .offset, .format]
    }

    private static func flag(_ name: String, _ text: String) -> OpenAPIParameter {
        OpenAPIParameter(
            name: name,
            text: text,
            schema: .choice(ReportParameters.flags.yes + ReportParameters.flags.no),
            example: "true"
        )
    }

    private static func summary(_ name: Report.Name) -> String {
        switch name {
        case .usage: "Runs, time and credits by what they are grouped by"
        case .features: "What was used of CircleCI's features and what that cost"
        case .people: "Who made compute run in a month"
        case .coverage: "How complete the counters are, by project and day"
        case .settlements: "Provisional beside settled credits, by project and day"
        case .rightSizing: "Jobs that never need half of their machine"
        case .focus: "Costs in FOCUS 1.2"
        case .counters: "A table of counters as it is"
        }
    }

    /// `RightSizingReport`.
    private static func schemaName(_ name: Report.Name) -> String {
        name.rawValue.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Report"
    }

    private static func schema(_ name: Report.Name) -> OpenAPIValue {
        var members: [(String, OpenAPIValue)] = [
            ("report", ["const": .text(name.rawValue)]), ("connection", OpenAPIValue.connectionID.orNull),
            ("from", .day), ("to", .day), ("log", .reference("LogPosition")), ("total_rows", .count),
            ("next_offset", OpenAPIValue.count.orNull),
        ]
        if name == .people {
            members.append(("summary", .array(of: ReportColumns.summary).with(["minItems": 1, "maxItems": 1])))
        }
        return .members(members + [("rows", .array(of: ReportColumns.row(of: name)))])
    }
}

extension OpenAPIParameter {
    fileprivate static let month = OpenAPIParameter(
        name: "month",
        text: "The UTC month; this month where it is left out.",
        schema: .month,
        example: "2026-11"
    )
    fileprivate static let period = OpenAPIParameter(
        name: "period",
        text: "Instead of from and to; the last 30 days where nothing is given. Weeks begin on Monday.",
        schema: .choice(ReportPeriod.allCases.map(\.rawValue)),
        example: ReportPeriod.lastWeek.rawValue
    )
    fileprivate static let groupings = OpenAPIParameter(
        name: "group_by",
        text: "With commas between; project where it is left out. Branch goes with connection, day, month and project; "
            + "resource_class, executor and operating_system too; project, workflow and job go together.",
        schema: OpenAPIValue.array(of: .choice(UsageGrouping.allCases.map(\.rawValue)))
            .with(["minItems": 1, "uniqueItems": true]),
        example: "project,workflow",
        isCommaList: true
    )
    fileprivate static let project = OpenAPIParameter(
        name: "project",
        text: "Only this project, by its slug in the long form.",
        schema: OpenAPIValue.string.with(["minLength": 1]),
        example: "github/acme/web"
    )
    fileprivate static let detail = OpenAPIParameter(
        name: "group_by",
        text: "What each feature's rows are told apart by.",
        schema: .choice(FeatureReport.Detail.allCases.map(\.rawValue)),
        example: FeatureReport.Detail.machine.rawValue
    )
    fileprivate static let table = OpenAPIParameter(
        name: "table",
        text: "Which table.",
        schema: .choice(UsageTable.allCases.map(\.rawValue)),
        example: UsageTable.jobs.rawValue,
        isRequired: true
    )
    fileprivate static let limit = OpenAPIParameter(
        name: "limit",
        text: "At most so many rows; all where it is left out. Rows have a fixed order at a log position.",
        schema: .integer(in: Report.limits),
        example: "100"
    )
    fileprivate static let offset = OpenAPIParameter(
        name: "offset",
        text: """
            Without so many rows at the beginning: `next_offset` of the page before. Pages belong together only while \
            `log`, in CSV the `ETag`, names the same record.
            """,
        schema: .integer(in: Report.offsets),
        example: "100"
    )
}
