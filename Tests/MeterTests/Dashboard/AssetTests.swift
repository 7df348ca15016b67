import AsyncHTTPClient
import Foundation
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Meter

/// Style and scripts, with and without Chart.js.
struct AssetTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func get(
        _ name: String,
        of chartScript: ChartScript?,
        tag: String? = nil
    ) async throws -> (status: Int, headers: HTTPHeaders, bytes: [UInt8]) {
        let router = Router(context: DashboardContext.self)
        router.add(middleware: SecurityHeadersMiddleware())
        Assets(chartScript: chartScript).add(to: router)
        let responder = router.buildResponder()
        let (answers, continuation) = AsyncStream.makeStream(of: (Int, HTTPHeaders, [UInt8]).self)
        try await runService { onRunning in
            Application(
                responder: responder,
                server: .guarded(ReceiverLimits()),
                configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: onRunning,
                logger: logger
            )
        } _: { port in
            var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/assets/\(name)")
            if let tag { request.headers.add(name: "if-none-match", value: tag) }
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            let body = try await response.body.collect(upTo: 1 << 22)
            continuation.yield((Int(response.status.code), response.headers, [UInt8](buffer: body)))
            continuation.finish()
        }
        return try #require(await answers.first { _ in true })
    }

    @Test(arguments: ["style.css", "live.js", "charts.js", "chart.min.js"])
    func `an asset has a tag, and 304 for who has it`(_ name: String) async throws {
        let chartScript = ChartScript(bytes: Array("chart".utf8))
        let answer = try await get(name, of: chartScript)
        let tag = try #require(answer.headers.first(name: "etag"))
        #expect(answer.status == 200 && !answer.bytes.isEmpty && tag.hasPrefix("\""))
        #expect(answer.headers.first(name: "content-type")?.hasSuffix("; charset=utf-8") == true)
        let again = try await get(name, of: chartScript, tag: tag)
        #expect(again.status == 304 && again.bytes.isEmpty && again.headers.first(name: "etag") == tag)
        #expect(try await get(name, of: chartScript, tag: "\"other\"").status == 200)
    }

    @Test func `the charts' script is what the file holds, under another tag when it changes`() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path("chart.min.js")
        try Data("one".utf8).write(to: URL(filePath: path))
        let first = try await get("chart.min.js", of: ChartScript.load(path, logger: logger))
        #expect(first.bytes == Array("one".utf8))
        #expect(first.headers.first(name: "cache-control") == "private, max-age=2592000")
        try Data("two".utf8).write(to: URL(filePath: path))
        let second = try await get("chart.min.js", of: ChartScript.load(path, logger: logger))
        #expect(second.headers.first(name: "etag") != first.headers.first(name: "etag"))
    }

    @Test func `where the file is missing, nothing is served and the log says so once`() async throws {
        let directory = TemporaryDirectory()
        let lines = LogLines()
        #expect(ChartScript.load(directory.path("none.js"), logger: lines.logger) == nil)
        #expect(lines.text.hasPrefix("info pages go without charts") && lines.text.contains("none.js"))
        #expect(lines.text.split(separator: "\n").count == 1)
        #expect(try await get("chart.min.js", of: nil).status == 404)
    }
}
