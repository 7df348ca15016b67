import AsyncHTTPClient
import CircleCI
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Reports over HTTP: as pages, JSON and CSV, asked again, asked wrongly, and full of what strangers write.
struct ReportPageTests {
    private static let pages = ["/", "/usage", "/features", "/people", "/coverage"]
    private static let groupings = [
        "project", "project,workflow", "project,workflow,job", "project,branch", "day", "executor,resource_class",
    ]

    /// Names as nobody should give them.
    private static let names: [String] = {
        let seeds = [
            "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'", "</title><b>",
            "{{csrfToken}}",
            "{{{x}}}", "=HYPERLINK(\"http://x\")", "+1", "-2", "@SUM(1)", "\t=1", "a,b\"c", "line\nbreak",
            "\u{202e}gnp.exe",
            "\u{0}nul", "\u{1f4a5}\u{1f468}\u{200d}\u{1f469}", "&lt;b&gt;", "\u{5d0}\u{5d1}\u{5d2}",
            "\u{300}combining\"\u{300}",
            String(repeating: "long ", count: 800),
        ]
        return seeds.flatMap { seed in (0..<10).map { "\(seed)\($0)" } }
    }()

    private static func delivery(_ index: Int, _ name: String, at now: Timestamp) -> [UInt8] {
        var json = JSONWriter()
        let start = now.adding(seconds: -Double(3600 + index))
        json.object { json in
            json.member("id", "event-\(index)")
            json.member("type", "job-completed")
            json.member("happened_at", now.description)
            json.member("webhook", object: { $0.member("id", "hook") })
            json.member(
                "project",
                object: {
                    $0.member("id", "project-\(index)")
                    $0.member("name", name)
                    $0.member("slug", "circleci/o\(index)/\(name)")
                }
            )
            json.member(
                "workflow",
                object: {
                    $0.member("id", "workflow-\(index)")
                    $0.member("name", name)
                    $0.member("created_at", start.description)
                }
            )
            json.member(
                "job",
                object: {
                    $0.member("id", "job-\(index)")
                    $0.member("name", name)
                    $0.member("number", index + 1)
                    $0.member("status", "success")
                    $0.member("started_at", start.description)
                    $0.member("stopped_at", now.description)
                }
            )
            json.member(
                "pipeline",
                object: { json in
                    json.member("id", "pipeline-\(index)")
                    json.member("number", index + 1)
                    json.member("created_at", start.description)
                    json.member(
                        "vcs",
                        object: { json in
                            json.member("branch", name)
                            json.member(
                                "commit",
                                object: { json in
                                    json.member(
                                        "author",
                                        object: {
                                            $0.member("email", name)
                                            $0.member("name", name)
                                        }
                                    )
                                }
                            )
                        }
                    )
                }
            )
        }
        return json.bytes
    }

    private static func get(
        _ live: LiveService,
        _ path: String,
        _ headers: [(String, String)] = []
    ) async throws -> APIClient.Answer {
        try await APIClient(live: live).ask(.GET, path, headers)
    }

    private static func filled() async throws -> LiveService {
        let live = try await LiveService()
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        let now = Timestamp.now
        try await withClient { client in
            for (index, name) in names.enumerated() {
                let answer = try await WebhookPoster(client: client).post(
                    delivery(index, name, at: now),
                    eventType: nil,
                    to: url,
                    signing: .secret(try LiveService.secret.forSigning()),
                    timeout: .seconds(60)
                )
                #expect(answer.status == 200)
            }
        }
        _ = try await live.snapshot()
        return live
    }

    @Test func `what strangers write is text on every page, in JSON and in CSV`() async throws {
        let live = try await ReportPageTests.filled()
        #expect(ReportPageTests.names.count >= 200)
        var pages = ReportPageTests.pages
        pages += ReportPageTests.groupings.map { "/usage?group_by=\($0)" }
        let name = ReportPageTests.names[0]
        pages.append("/usage?project=\(queryValue("circleci/o0/\(name)"))&group_by=workflow,job")
        for path in pages {
            let answer = try await ReportPageTests.get(live, path)
            #expect(answer.status == 200, "\(path)")
            for raw in ["<script>alert", "<img src=x", "</title><b>", "=x onerror=alert(1)>", "\"\u{300}"] {
                #expect(!answer.text.unicodeScalars.contains(raw.unicodeScalars), "\(path) has \(raw)")
            }
            #expect(answer.headers.first(name: "content-security-policy")?.contains("script-src 'self'") == true)
        }
        // The texts are there all the same.
        let branches = try await ReportPageTests.get(live, "/usage?group_by=project,branch")
        #expect(branches.text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
        struct Body: Decodable {
            struct Row: Decodable {
                var branch: String
                var runs: Int
            }
            var rows: [Row]
        }
        let json = try await ReportPageTests.get(live, "/api/v1/usage?group_by=branch")
        let rows = try JSONDecoder().decode(Body.self, from: Data(json.text.utf8)).rows
        let found = Set(rows.map { Array($0.branch.utf8) })
        // A zero byte is replaced: SQLite would end the text there.
        let names = ReportPageTests.names.map { $0.replacing("\u{0}", with: "\u{fffd}") }
        let lost = names.filter { !found.contains(Array($0.utf8)) }
        #expect(lost.map { $0.prefix(40).debugDescription }.isEmpty && found.count == ReportPageTests.names.count)
        #expect(rows.reduce(0) { $0 + $1.runs } == ReportPageTests.names.count)
        let csv = try await ReportPageTests.get(live, "/api/v1/usage?group_by=branch&format=csv")
        #expect(csv.headers.first(name: "content-type")?.hasPrefix("text/csv") == true)
        #expect(csv.headers.first(name: "content-disposition")?.contains("circlemeter-usage-") == true)
        let lines = csv.text.components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { line in !["=", "+", "-", "@", "\t", "\"="].contains { line.hasPrefix($0) } })
        await live.stop()
    }

    @Test func `a report asked again is 304 until something is counted`() async throws {
        let live = try await LiveService()
        _ = try await live.snapshot()
        for path in [
            "/api/v1/usage", "/api/v1/features", "/api/v1/coverage", "/api/v1/right-sizing",
            "/api/v1/counters?table=jobs", "/api/v1/usage?format=csv", "/api/v1/people", "/api/v1/people?format=csv",
            "/api/v1/settlements", "/api/v1/focus?format=csv",
        ] {
            let first = try await ReportPageTests.get(live, path)
            let tag = try #require(first.headers.first(name: "etag"))
            #expect(first.status == 200)
            let again = try await ReportPageTests.get(live, path, [("if-none-match", tag)])
            #expect(again.status == 304 && again.text.isEmpty, "\(path)")
        }
        let other = try await ReportPageTests.get(live, "/api/v1/usage?to=2026-01-01")
        let tag = try #require(try await ReportPageTests.get(live, "/api/v1/usage").headers.first(name: "etag"))
        #expect(other.headers.first(name: "etag") != tag)
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        try await withClient { client in
            _ = try await WebhookPoster(client: client).post(
                ReportPageTests.delivery(0, "unit", at: .now),
                eventType: nil,
                to: url,
                signing: .secret(try LiveService.secret.forSigning()),
                timeout: .seconds(60)
            )
        }
        _ = try await live.snapshot()
        let changed = try await ReportPageTests.get(live, "/api/v1/usage", [("if-none-match", tag)])
        #expect(changed.status == 200 && changed.text.contains("\"runs\":1,"))
        await live.stop()
    }

    @Test func `costs without a contract are refused, with what to do`() async throws {
        let live = try await ReportPageTests.filled()
        let answer = try await ReportPageTests.get(live, "/api/v1/focus")
        #expect(answer.status == 409 && answer.text.contains("\"no_price\""))
        #expect(answer.text.contains("rate-card.json") && answer.text.contains("price_per_credit"))
        await live.stop()
    }

    @Test func `a parameter that cannot be used is named`() async throws {
        let live = try await LiveService()
        for (path, name) in [
            ("/api/v1/usage?from=today", "from"), ("/api/v1/usage?group_by=person", "group_by"),
            ("/api/v1/features?compare=true", "compare"), ("/api/v1/counters", "table"),
            ("/api/v1/usage?format=xml", "format"), ("/api/v1/people?month=2026-13", "month"),
            ("/api/v1/usage?limit=1&limit=2", "limit"),
        ] {
            let answer = try await ReportPageTests.get(live, path)
            #expect(answer.status == 400, "\(path)")
            #expect(
                answer.text.hasPrefix("{\"error\":{\"code\":\"invalid_parameter\",\"message\":\"\(name): "),
                "\(path)"
            )
        }
        let page = try await ReportPageTests.get(live, "/usage?from=never%3Cb%3E")
        #expect(page.status == 400 && page.text.contains("never&lt;b&gt;") && page.text.contains("role=\"alert\""))
        await live.stop()
    }
}
