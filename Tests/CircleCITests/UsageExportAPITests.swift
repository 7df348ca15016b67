import AsyncHTTPClient
import CircleCI
import NIOCore
import NIOHTTP1
import Synchronization
import Testing
import Wire

/// The calls for usage exports: once each, apart from all other limits, and no address in any error.
@Suite(.timeLimit(.minutes(2)))
struct UsageExportAPITests {
    private static let start = Timestamp("2026-11-01T00:00:00Z")!
    private static let end = Timestamp("2026-11-30T23:59:59.999Z")!

    @Test func `a start is posted once, as the description says, and its answer is read`() async throws {
        let answer = #"{"usage_export_job_id":"e1","state":"created","start":"","end":"","download_urls":[]}"#
        try await APIFixture.run { _ in
            .answer(201, answer)
        } _: { fixture in
            let export = try await fixture.client.startUsageExport(
                organizationID: "o1",
                start: Self.start,
                end: Self.end
            )
            #expect(export == APIUsageExport(id: "e1", state: "created", downloads: []))
            let request = try #require(fixture.server.requests.first)
            #expect(request.method == .POST && request.path == "/api/v2/organizations/o1/usage_export_job")
            let body = String(decoding: request.body, as: UTF8.self)
            #expect(body == #"{"start":"2026-11-01T00:00:00.000Z","end":"2026-11-30T23:59:59.999Z"}"#)
        }
    }

    @Test func `a look reads escaped addresses, which no description shows`() async throws {
        let answer = """
            {"usage_export_job_id":"e1","state":"completed","download_urls":["https://x/f.csv.gz?a=1\\u0026sig=canary"]}
            """
        try await APIFixture.run { _ in
            .answer(200, answer)
        } _: { fixture in
            let export = try await fixture.client.usageExport(organizationID: "o1", id: "e1")
            #expect(export.downloads == [UsageExportDownload(url: "https://x/f.csv.gz?a=1&sig=canary")])
            #expect(!"\(export)".contains("canary") && !export.downloads[0].name.contains("canary"))
            #expect(export.downloads[0].name == UsageExportDownload(url: "https://x/f.csv.gz?sig=other").name)
            #expect(export.downloads[0].name != UsageExportDownload(url: "https://x/g.csv.gz?sig=other").name)
        }
    }

    @Test(arguments: ["null", "{}", "[1]", "\"https://x/f\""])
    func `files that a completed export tells unreadably are no lack of files`(_ urls: String) async throws {
        try await APIFixture.run { _ in
            .answer(200, #"{"usage_export_job_id":"e1","state":"completed","download_urls":\#(urls)}"#)
        } _: { fixture in
            let error = await APIFixture.error {
                _ = try await fixture.client.usageExport(organizationID: "o1", id: "e1")
            }
            #expect(error?.code == .unexpectedAnswer)
        }
    }

    @Test(arguments: [429, 500, 503])
    func `neither call is tried twice, and a limit of theirs holds no other call back`(_ status: Int) async throws {
        try await APIFixture.run { request in
            request.path.contains("usage_export")
                ? .answer(
                    status,
                    "",
                    headers: ["retry-after": "1800", "ratelimit-limit": "10", "ratelimit-remaining": "0"]
                )
                : .answer(200, #"{"id":"u","login":"l","name":"n"}"#)
        } _: { fixture in
            let client = fixture.client
            let started = await APIFixture.error {
                _ = try await client.startUsageExport(organizationID: "o", start: Self.start, end: Self.end)
            }
            let looked = await APIFixture.error { _ = try await client.usageExport(organizationID: "o", id: "e") }
            for error in [started, looked] {
                #expect(error?.status == status && error?.retryAfter == .seconds(1800))
            }
            let before = fixture.clock.elapsed
            _ = try await client.me()
            #expect(fixture.clock.elapsed == before)
            #expect(fixture.server.requests.count == 3)
        }
    }

    @Test func `a download shows no key, hands over every byte, and keeps to its length`() async throws {
        let text = String(repeating: "row\n", count: 50_000)
        try await APIFixture.run { _ in
            .answer(200, text)
        } _: { fixture in
            let download = UsageExportDownload(url: "\(fixture.server.url)/f?sig=canary")
            let bytes = Mutex(0)
            try await fixture.client.download(download, maximumBytes: text.utf8.count) { chunk in
                bytes.withLock { $0 += chunk.readableBytes }
            }
            #expect(bytes.withLock { $0 } == text.utf8.count)
            let request = try #require(fixture.server.requests.first)
            #expect(request.headers["authorization"].isEmpty && request.headers["circle-token"].isEmpty)
            let error = await APIFixture.error {
                try await fixture.client.download(download, maximumBytes: text.utf8.count - 1) { _ in }
            }
            #expect(error?.code == .unexpectedAnswer)
        }
    }

    @Test func `no error of a download names the address`() async throws {
        let replies: [FakeHTTPServer.Reply] = [
            .answer(403, "canary"), .close, .unfinished,
            .answer(302, "", headers: ["location": "http://127.0.0.1/canary"]),
        ]
        for reply in replies {
            var configuration = CircleCIClient.httpConfiguration()
            configuration.timeout.read = .milliseconds(200)
            try await APIFixture.run(configuration: configuration) { _ in
                reply
            } _: { fixture in
                let urls = [
                    "\(fixture.server.url)/f?sig=canary", "http://example.com/f?sig=canary",
                    "https://user@example.com/f?sig=canary",
                ]
                for url in urls {
                    let error = await APIFixture.error {
                        try await fixture.client.download(UsageExportDownload(url: url), maximumBytes: 100) { _ in }
                    }
                    #expect(error != nil, "\(reply)")
                    #expect(!"\(error!) \(String(reflecting: error!))".contains("canary"), "\(reply)")
                }
            }
        }
    }

    @Test func `what the taker throws comes out as it is`() async throws {
        struct Full: Error {}
        _ = try await APIFixture.run { _ in
            .answer(200, "text")
        } _: { fixture in
            await #expect(throws: Full.self) {
                try await fixture.client.download(
                    UsageExportDownload(url: "\(fixture.server.url)/f"),
                    maximumBytes: 100
                ) { _ in throw Full() }
            }
        }
    }
}
