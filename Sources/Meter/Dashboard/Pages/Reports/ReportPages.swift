import HTTPTypes
import Hummingbird
import Usage
import Wire

/// The pages that are reports: `/usage`, `/features`, `/people`, `/coverage`. Each answers its question in a sentence first, then in
/// tables; the form asks for other days.
struct ReportPages: Sendable {
    let parts: MeterParts
    let pages: Pages

    /// What the template shows.
    struct Page {
        let navigation: Navigation
        let title: String
        let form: ReportForm
        let days: String
        /// What is to be known first.
        let headlines: [String]
        let problem: String?
        let figures: [Figure]
        /// Of `/coverage`.
        let calendar: CoverageCalendar?
        let missingList: MissingList?
        let charts: [ChartView]
        let hasCharts: Bool
        /// Of which there may be none.
        let isCharted: Bool
        let sections: [ReportView]
        let notes: [String]
    }

    struct Figure {
        let title: String
        let value: String
        var note: String?
    }

    /// What a page's content is made of.
    struct Content {
        var headlines: [String] = []
        var figures: [Figure] = []
        var calendar: CoverageCalendar?
        var missingList: MissingList?
        var charts: [ChartView] = []
        var sections: [ReportView] = []
        var notes: [String] = []
    }

    func add(to router: Router<DashboardContext>) {
        router.get("/usage") { request, context in
            try await respond(to: request, context, .usage, UsagePage.groupings, UsagePage.init)
        }
        router.get("/features") { request, context in
            try await respond(to: request, context, .features, [], FeaturesPage.init)
        }
        router.get("/people") { request, context in
            try await respond(to: request, context, .people, [], PeoplePage.init)
        }
        router.get("/coverage") { request, context in
            try await respond(to: request, context, .coverage, [], CoveragePage.init)
        }
    }

    /// - Parameter make: reads the query; what is wrong with it is said above the form.
    private func respond<Subject: ReportPage>(
        to request: Request,
        _ context: DashboardContext,
        _ place: Navigation.Place,
        _ groupings: [(value: String, title: String)],
        _ make: ([String: String], Day) throws(MeterError) -> Subject
    ) async throws -> Response {
        var values = ReportForm.decided(try ReportsAPI.values(of: request))
        // A page's sums would be those of a part.
        for name in ["limit", "offset"] { values[name] = nil }
        var subject: Subject?
        var content = Content()
        var problem: String?
        do {
            let made = try make(values, parts.access.now().day)
            subject = made
            let (snapshot, groups) = try await parts.projector.published.answer(made.reports)
            let policy = await parts.people.read()
            if place == .people || place == .features { try policy.check(snapshot) }
            content = try made.content(of: snapshot, groups, rules: policy.rules)
            content.missingList = try await made.missing(parts, context)
        } catch let error as MeterError where error.code == .invalidParameter || error.code == .replayUnderWay {
            problem = "\(error.location.map { "\($0): " } ?? "")\(sentence(error.message)) \(error.hint ?? "")"
        }
        let hasCharts = parts.chartScript != nil && !content.charts.isEmpty
        for chart in content.charts.indices { content.charts[chart].hasCanvas = hasCharts }
        let page = Page(
            navigation: Navigation(place, context),
            title: place.title,
            form: ReportForm(
                place.path,
                values,
                connections: parts.connections.list().map(\.id),
                groupings: groupings,
                monthsBefore: place == .people ? parts.access.now().day : nil
            ),
            days: subject.map { "\($0.range.days.lowerBound) to \($0.range.days.upperBound), UTC" } ?? "",
            headlines: content.headlines,
            problem: problem,
            figures: content.figures,
            calendar: content.calendar,
            missingList: content.missingList,
            charts: content.charts,
            hasCharts: hasCharts,
            isCharted: !content.charts.isEmpty,
            sections: content.sections,
            notes: content.notes
        )
        return try pages.render("report", page, status: problem == nil ? .ok : .badRequest)
    }
}

/// One of the pages: the reports that it shows, and what it says of them.
protocol ReportPage: Sendable {
    var range: ReportRange { get }
    /// Of one connection, the one with most days first.
    var reports: [Report] { get }
    /// - Parameters:
    ///   - groups: of each of the reports that is about usage, what it adds up to.
    ///   - rules: by which the names of people are merged.
    func content(
        of snapshot: Snapshot,
        _ groups: [UsageReport.Groups?],
        rules: PeopleRules
    ) throws(MeterError) -> ReportPages.Content
    /// What is missing, by name; nil: the page does not say.
    func missing(_ parts: MeterParts, _ context: DashboardContext) async throws -> MissingList?
}

extension ReportPage {
    func missing(_ parts: MeterParts, _ context: DashboardContext) async throws -> MissingList? { nil }
}
