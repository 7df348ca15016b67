import Foundation
import NIOHTTP1
import Testing
import Usage
import Wire

@testable import Meter

/// Whatever names strangers choose, every view shows them as text, whole, and is built as it is with harmless names.
@Suite(.timeLimit(.minutes(15)))
struct HostileNamesTests {
    private static let groupings = [
        "project", "workflow", "job", "branch", "resource_class", "executor", "operating_system", "day", "month",
        "connection", "project,workflow,job", "project,branch", "executor,resource_class",
    ]

    /// The pages that show names; new places are among them as soon as one can go there.
    private static let pages: [String] = {
        var pages = Navigation.Place.allCases.map(\.path)
        pages += ["/log/1", "/log/2", "/log/700", "/connections/new"]
        let connection = LiveService.connection(0)
        pages += UsagePage.groupings.map { "/usage?connection=\(connection)&group_by=\(queryValue($0.value))" }
        pages += ["features", "people", "coverage", "log"].map { "/\($0)?connection=\(connection)" }
        pages += ["reconnect", "remove"].map { "/connections/\(connection)/\($0)" }
        return pages
    }()

    private static let reports: [String] =
        groupings.map { "usage?compare=true&group_by=\($0)" }
        + FeatureReport.Detail.allCases.map { "features?group_by=\($0.rawValue)" }
        + ["people", "coverage", "settlements", "right-sizing?all=true", "focus"]
        + UsageTable.allCases.map { "counters?table=\($0.rawValue)" }

    /// Where the text that is shown may differ from what was sent: SQLite would end it at a zero byte.
    private static func stored(_ name: String) -> String { name.replacing("\u{0}", with: "\u{fffd}") }

    /// Everything that a name may be part of.
    private static let allowed: Set<[UInt8]> = {
        var allowed: Set<[UInt8]> = []
        for (index, name) in HostileNames.all.enumerated() {
            let name = stored(name)
            let slug = HostileWorld.slug(index, name)
            let people = [name, "login:\(name)", "user:\(name)"].map { PersonIdentity($0) }
            let texts =
                [
                    name, slug, HostileWorld.projectName(name),
                    String(String.UnicodeScalarView(name.unicodeScalars.prefix(64))),
                ]
                + people.flatMap { [$0.text, $0.key.text] } + ["login:\(name)", name.lowercased()]
            for text in texts { allowed.insert(Array(text.utf8)) }
        }
        return allowed
    }()

    /// As browsers have line ends.
    private static let allowedInHTML = Set(allowed.map { lineEnds(String(decoding: $0, as: UTF8.self)) })

    private static func lineEnds(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte == 0x0a, bytes.last == 0x0d { bytes.removeLast() }
            bytes.append(byte)
        }
        return bytes.map { $0 == 0x0d ? 0x0a : $0 }
    }

    private static func hasMark(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: "z")) && text.contains(HostileNames.mark)
    }

    /// What is left of a sentence without the names that are kept apart in it.
    private static func outsideIsolates(_ text: String) -> String {
        var rest = String.UnicodeScalarView()
        var isInside = false
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\u{2068}": isInside = true
            case "\u{2069}": isInside = false
            default: if !isInside { rest.append(scalar) }
            }
        }
        return String(rest)
    }

    @Test func `names are text in every view, and change nothing of how it is built`() async throws {
        #expect(
            HostileNames.all.count >= 200
                && Set(HostileNames.all.map { Array($0.utf8) }).count == HostileNames.all.count
        )
        async let other = HostileWorld(HostileNames.harmless)
        let hostile = try await HostileWorld(HostileNames.all)
        let harmless = try await other
        for path in Self.pages { try await expectSame(path, hostile, harmless) }
        try await expectProjectPages(hostile)
        try await expectShownWhole(hostile)
        for report in Self.reports { try await expectReport(report, hostile) }
        try await expectSnapshot(hostile)
        let metrics = try await hostile.get("/metrics")
        #expect(metrics.status == 200 && !Self.hasMark(String(decoding: metrics.bytes, as: UTF8.self)))
        await hostile.live.stop()
        await harmless.live.stop()
    }

    // MARK: Pages

    /// The same elements with the same attributes as with harmless names, each name in an element of its own, and no
    /// address that leads anywhere but here.
    private func expectSame(_ path: String, _ hostile: HostileWorld, _ harmless: HostileWorld) async throws {
        let (answer, plain) = (try await hostile.get(path), try await harmless.get(path))
        #expect(answer.status == plain.status && (answer.status == 200 || path.hasPrefix("/log")), "\(path)")
        guard answer.status == 200 else { return }
        let page = try read(answer, path)
        let expected = try read(plain, path)
        #expect(Set(page.elements) == Set(expected.elements), "\(path)")
        // Persons that are merged, and addresses that are none, make other rows.
        if !path.hasPrefix("/people"), !path.hasPrefix("/log") {
            #expect(page.elements.count == expected.elements.count, "\(path)")
        }
        expectHarmless(page, path)
    }

    private func read(_ answer: HostileWorld.Answer, _ path: String) throws -> HTMLReader {
        expectHeaders(answer, path)
        let policy = answer.headers.first(name: "content-security-policy") ?? ""
        #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "\(path)")
        do {
            return try HTMLReader(String(decoding: answer.bytes, as: UTF8.self))
        } catch {
            Issue.record("\(path): \(error)")
            throw error
        }
    }

    private func expectHeaders(_ answer: HostileWorld.Answer, _ path: String) {
        for (name, value) in answer.headers {
            #expect(!Self.hasMark(value) && value.utf8.allSatisfy { (0x20..<0x7f).contains($0) }, "\(path) \(name)")
        }
    }

    private func expectHarmless(_ page: HTMLReader, _ path: String) {
        for text in page.texts where Self.hasMark(text.text) {
            let isWhole = Self.allowedInHTML.contains(Array(text.text.utf8))
            let isKeptApart = !Self.hasMark(Self.outsideIsolates(text.text))
            #expect(
                text.element == "bdi" && isWhole || isKeptApart || text.element == "textarea" || text.element == "pre",
                "\(path): \(text.element) \(text.text.prefix(60).debugDescription)"
            )
        }
        for attribute in page.attributes {
            if ["href", "action", "src"].contains(attribute.name) {
                let isHere = attribute.value.hasPrefix("/") && !attribute.value.hasPrefix("//")
                let isKnown = ["data:,", "https://app.circleci.com/settings/user/tokens"].contains(attribute.value)
                #expect(isHere || attribute.value.hasPrefix("#") || isKnown, "\(path): \(attribute.value.prefix(60))")
            }
            #expect(!attribute.name.hasPrefix("on") && attribute.name != "style", "\(path)")
            if attribute.name == "class" || attribute.name == "id" {
                #expect(!Self.hasMark(attribute.value), "\(path)")
            }
        }
    }

    /// A page about one project, whose slug comes back in the query.
    private func expectProjectPages(_ world: HostileWorld) async throws {
        for index in stride(from: 0, to: world.names.count, by: 20) {
            let slug = HostileWorld.slug(index, Self.stored(world.names[index]))
            guard slug.utf8.count < 2000 else { continue }
            let path = "/usage?project=\(queryValue(slug))&group_by=workflow%2Cjob"
            let page = try read(try await world.get(path), path)
            expectHarmless(page, path)
            let field = page.attributes.first { $0.element == "input" && $0.name == "value" && Self.hasMark($0.value) }
            #expect(field.map { Array($0.value.utf8) } == Self.lineEnds(slug), "\(path)")
            let expected = Self.lineEnds(Self.stored(world.names[index]))
            #expect(page.texts.contains { $0.element == "bdi" && Array($0.text.utf8) == expected }, "\(path)")
        }
    }

    private func expectShownWhole(_ world: HostileWorld) async throws {
        typealias Form = @Sendable (Int, String) -> String
        let name: Form = { $1 }
        let slug: Form = { HostileWorld.slug($0, $1) }
        let title: Form = { HostileWorld.projectName($1) }
        let views: [(path: String, shown: [Form])] = [
            ("/usage?group_by=project", [slug, title]), ("/usage?group_by=project,workflow,job", [name, slug]),
            ("/usage?group_by=project,branch", [name]), ("/usage?group_by=executor,resource_class", [name]),
            ("/features?", [name]), ("/coverage?", [slug, title]),
        ]
        for connection in 0..<HostileWorld.connectionCount {
            for view in views {
                let path = "\(view.path)&connection=\(LiveService.connection(connection))"
                let page = try read(try await world.get(path), path)
                let shown = Set(page.texts.filter { $0.element == "bdi" }.map { Array($0.text.utf8) })
                for (index, sent) in world.names.enumerated() where index % HostileWorld.connectionCount == connection {
                    for form in view.shown {
                        let text = form(index, Self.stored(sent))
                        #expect(shown.contains(Self.lineEnds(text)), "\(path): \(text.prefix(60).debugDescription)")
                    }
                }
            }
        }
    }

    // MARK: Reports

    private static let wholeColumns: Set<String> = [
        "workflow", "job", "branch", "resource_class", "executor", "operating_system",
    ]

    private func expectReport(_ report: String, _ world: HostileWorld) async throws {
        let path = "/api/v1/\(report)"
        let answer = try await world.get(path)
        #expect(answer.status == 200, "\(path): \(String(decoding: answer.bytes.prefix(200), as: UTF8.self))")
        expectHeaders(answer, path)
        let object = try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any]
        let rows = try #require(object?["rows"] as? [[String: Any]])
        let separator = report.contains("?") ? "&" : "?"
        let csvAnswer = try await world.get(path + separator + "format=csv")
        expectHeaders(csvAnswer, path)
        let csv = try CSVReader(csvAnswer.bytes)
        #expect(csv.rows.count == rows.count, "\(path)")
        var shown: [String: Set<[UInt8]>] = [:]
        for (place, row) in rows.enumerated() where place < csv.rows.count {
            for (column, cell) in zip(csv.header, csv.rows[place]) {
                if let first = cell.unicodeScalars.first, row[column] is String {
                    #expect(
                        !"=+-@\t\r\n\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".unicodeScalars.contains(first),
                        "\(path) \(column)"
                    )
                }
                guard let text = row[column] as? String else { continue }
                #expect(isSame(cell, text), "\(path) \(column): \(text.prefix(60).debugDescription)")
                guard Self.hasMark(text) else { continue }
                #expect(
                    Self.allowed.contains(Array(text.utf8)) || report == "focus",
                    "\(path) \(column): \(text.prefix(60).debugDescription)"
                )
                shown[column, default: []].insert(Array(text.utf8))
            }
        }
        for (column, texts) in shown where Self.wholeColumns.contains(column) {
            for name in world.names {
                #expect(
                    texts.contains(Array(Self.stored(name).utf8)),
                    "\(path) \(column): \(name.prefix(60).debugDescription)"
                )
            }
        }
        if let projects = shown["project"] {
            for (index, name) in world.names.enumerated() {
                #expect(projects.contains(Array(HostileWorld.slug(index, Self.stored(name)).utf8)), "\(path)")
            }
        }
    }

    /// Whether a cell holds a text, with an apostrophe in front of what a spreadsheet would reckon.
    private func isSame(_ cell: String, _ text: String) -> Bool {
        cell.utf8.elementsEqual(text.utf8)
            || cell.utf8.first == UInt8(ascii: "'") && cell.utf8.dropFirst().elementsEqual(text.utf8)
    }

    private func expectSnapshot(_ world: HostileWorld) async throws {
        let answer = try await world.get("/api/v1/snapshot")
        expectHeaders(answer, "/api/v1/snapshot")
        let object = try JSONSerialization.jsonObject(with: Data(answer.bytes)) as? [String: Any]
        for (table, column) in [
            ("jobs", "job"), ("workflows", "workflow"), ("branches", "branch"), ("features", "resource_class"),
        ] {
            let rows = try #require(object?[table] as? [[String: Any]])
            let texts = Set(rows.compactMap { ($0[column] as? String).map { Array($0.utf8) } })
            for name in world.names {
                #expect(texts.contains(Array(Self.stored(name).utf8)), "\(table): \(name.prefix(60).debugDescription)")
            }
        }
    }
}
