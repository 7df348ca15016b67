import AsyncHTTPClient
import CircleCI
import EventLog
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Wire

@testable import Meter

/// The log over HTTP: pages, JSON and CSV.
struct LogPageTests {
    private static let admin = "an-admin-token-of-the-log-tests"
    private static let viewer = "a-viewer-token-of-the-log-tests"
    private static let names = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{csrfToken}}", "=HYPERLINK(\"http://x\")",
        "\u{300}combining\"\u{300}", "line\nbreak", "</pre></title><b>",
    ]

    private static func get(
        _ live: LiveService,
        _ path: String,
        token: String = admin,
        _ headers: [(String, String)] = []
    ) async throws -> APIClient.Answer {
        try await APIClient(live: live).ask(.GET, path, [("authorization", "Bearer \(token)")] + headers)
    }

    private static func service() async throws -> LiveService {
        try await LiveService(
            environment: [AccessTokens.adminSetting: admin, AccessTokens.viewerSetting: viewer]
        )
    }

    private static func post(_ live: LiveService, _ index: Int, _ name: String) async throws {
        var json = JSONWriter()
        let now = Timestamp.now
        json.object { json in
            json.member("id", "event-\(index)")
            json.member("type", "job-completed")
            json.member("happened_at", now.description)
            json.member(
                "project",
                object: {
                    $0.member("id", "project")
                    $0.member("name", name)
                    $0.member("slug", "circleci/o/\(name)")
                }
            )
            json.member("workflow", object: { $0.member("name", name) })
            json.member(
                "job",
                object: {
                    $0.member("id", "run \(name)")
                    $0.member("name", name)
                    $0.member("status", name)
                    $0.member("started_at", now.adding(seconds: -93).description)
                    $0.member("stopped_at", now.description)
                }
            )
            json.member(
                "pipeline",
                object: { json in
                    json.member("created_at", now.adding(seconds: -100).description)
                    json.member(
                        "vcs",
                        object: {
                            $0.member("branch", name)
                            $0.member(
                                "commit",
                                object: { $0.member("author", object: { $0.member("email", "ann@example.com") }) }
                            )
                        }
                    )
                }
            )
        }
        let body = json.bytes
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        try await withClient { client in
            let answer = try await WebhookPoster(client: client).post(
                body,
                eventType: nil,
                to: url,
                signing: .secret(try LiveService.secret.forSigning()),
                timeout: .seconds(60)
            )
            #expect(answer.status == 200)
        }
    }

    @Test func `what strangers write is text in the list, in a record and in CSV`() async throws {
        let live = try await LogPageTests.service()
        for (index, name) in LogPageTests.names.enumerated() { try await LogPageTests.post(live, index, name) }
        let last = live.service.parts.log.durableEnd.sequence
        var paths = ["/log", "/log?status=\(queryValue(LogPageTests.names[0]))"]
        paths += (1...last).map { "/log/\($0)" }
        paths.append(
            "/log?run=\(queryValue("\"><b>"))&project=\(queryValue(LogPageTests.names[1]))&type=\(queryValue("<i>"))"
        )
        for path in paths {
            let page = try await LogPageTests.get(live, path)
            #expect(page.status == 200, "\(path)")
            for mark in ["<script>alert", "<img", "<b>", "<i>", "</pre></title>", "{{"] {
                let count = page.text.components(separatedBy: mark).count - 1
                // What a template's braces are in the text of an event is no template.
                #expect(count == 0 || mark == "{{", "\(path): \(mark)")
            }
        }
        let csv = try await LogPageTests.get(live, "/api/v1/log?format=csv&type=job-completed")
        #expect(csv.headers.first(name: "content-type") == "text/csv; charset=utf-8; header=present")
        #expect(csv.text.contains("\"'=HYPERLINK(\"\"http://x\"\")\""))
        #expect(csv.text.hasPrefix("sequence,batch,received_at,source,connection,type,event_id,project,"))
        let found = try await LogPageTests.get(live, "/api/v1/log?run=\(queryValue("run \(LogPageTests.names[2])"))")
        let value = try JSONSerialization.jsonObject(with: Data(found.text.utf8)) as? [String: Any]
        let records = try #require(value?["records"] as? [[String: Any]])
        #expect(records.count == 1 && records[0]["job"] as? String == LogPageTests.names[2])
        #expect(records[0]["duration_ms"] as? Int == 93_000 && value?["next"] is NSNull)
        await live.stop()
    }

    @Test func `asked again, nothing is sent until the log grows`() async throws {
        let live = try await LogPageTests.service()
        try await LogPageTests.post(live, 0, "build")
        for path in ["/log", "/api/v1/log?limit=5", "/api/v1/log?format=csv"] {
            let first = try await LogPageTests.get(live, path)
            let tag = try #require(first.headers.first(name: "etag"))
            let again = try await LogPageTests.get(live, path, [("if-none-match", tag)])
            #expect(first.status == 200 && again.status == 304 && again.text.isEmpty, "\(path)")
            try await LogPageTests.post(live, path.utf8.count, "build")
            let grown = try await LogPageTests.get(live, path, [("if-none-match", tag)])
            #expect(grown.status == 200 && grown.text != first.text, "\(path)")
        }
        let page = try await LogPageTests.get(live, "/log")
        #expect(page.text.contains("/assets/live.js") && page.text.contains("id=\"live\" data-tag=\"log-"))
        let still = try await LogPageTests.get(live, "/log?follow=off")
        #expect(still.status == 200 && !still.text.contains("/assets/live.js"))
        await live.stop()
    }

    @Test func `pages follow each other by their cursor`() async throws {
        let live = try await LogPageTests.service()
        for index in 0..<5 { try await LogPageTests.post(live, index, "build") }
        var path: String? = "/api/v1/log?type=job-completed&limit=2"
        var sequences: [Int] = []
        while let asked = path {
            let answer = try await LogPageTests.get(live, asked)
            let value = try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any]
            sequences += (value?["records"] as? [[String: Any]] ?? []).compactMap { $0["sequence"] as? Int }
            path = (value?["next"] as? Int).map { "/api/v1/log?type=job-completed&limit=2&before=\($0)" }
            #expect((answer.headers.first(name: "link") != nil) == (path != nil))
        }
        let last = live.service.parts.log.durableEnd.sequence
        #expect(sequences == Array(((last - 4)...last).reversed()))
        await live.stop()
    }

    @Test func `what is not there and what cannot be asked for is said`() async throws {
        let live = try await LogPageTests.service()
        for path in ["/api/v1/log/99999", "/api/v1/log/0", "/api/v1/log/first"] {
            let answer = try await LogPageTests.get(live, path)
            #expect(answer.status == 404 && answer.text.contains("\"not_found\""), "\(path)")
        }
        #expect(try await LogPageTests.get(live, "/log/99999").status == 404)
        for (query, name) in [
            ("limit=0", "limit"), ("limit=1001", "limit"), ("before=0", "before"), ("after=x", "after"),
            ("source=mail", "source"), ("from=today", "from"), ("from=2026-11-02&to=2026-11-01", "to"),
            ("format=xml", "format"), ("sort=up", "sort"), ("run=1&run=2", "run"),
        ] {
            let answer = try await LogPageTests.get(live, "/api/v1/log?\(query)")
            #expect(answer.status == 400, "\(query)")
            #expect(
                answer.text.hasPrefix("{\"error\":{\"code\":\"invalid_parameter\",\"message\":\"\(name): "),
                "\(query)"
            )
        }
        let page = try await LogPageTests.get(live, "/log?before=%3Cb%3E")
        #expect(page.status == 400 && page.text.contains("&lt;b&gt;") && page.text.contains("role=\"alert\""))
        await live.stop()
    }

    @Test func `a record says whether its signature fits, and viewers see persons in mode plain only`() async throws {
        let live = try await LogPageTests.service()
        try await LogPageTests.post(live, 0, "build")
        let last = live.service.parts.log.durableEnd.sequence
        let path = "/api/v1/log/\(last)"
        let plain = try await LogPageTests.get(live, path, token: LogPageTests.viewer)
        #expect(plain.text.contains("\"signature\":{\"state\":\"valid\"") && plain.text.contains("ann@example.com"))
        #expect(plain.text.contains("\"values\":{\"other\":1,\"duration_ms\":93000,\"webhook\":1}"))
        #expect(!plain.text.contains("not much of a secret"))
        let page = try await LogPageTests.get(live, "/log/\(last)", token: LogPageTests.viewer)
        #expect(page.text.contains("Signature valid") && page.text.contains("ann@example.com"))
        #expect(
            withoutIsolates(page.text)
                .contains("A job-completed webhook about job build of circleci/o/build: build after 1 min 33 s.")
        )
        try Data("{\"mode\":\"off\"}".utf8)
            .write(to: URL(fileURLWithPath: "\(live.directory.path("data"))/people.json"))
        for (token, isHidden) in [(LogPageTests.viewer, true), (LogPageTests.admin, false)] {
            let answer = try await LogPageTests.get(live, path, token: token)
            #expect(answer.text.contains("\"event\":null,\"event_hidden\":true") == isHidden)
            #expect(answer.text.contains("ann@example.com") == !isHidden)
            #expect(!answer.text.contains("\"table\":\"people\""))
            let page = try await LogPageTests.get(live, "/log/\(last)", token: token)
            #expect(page.text.contains("ann@example.com") == !isHidden)
            #expect(page.text.contains("Hidden by people.json") == isHidden)
        }
        try await live.service.parts.connections.remove(LiveService.connection(0))
        let removed = try await LogPageTests.get(live, path)
        #expect(removed.text.contains("\"signature\":{\"state\":\"unchecked\""))
        await live.stop()
    }
}
