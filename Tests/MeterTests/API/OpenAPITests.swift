import FakeCircleCI
import Foundation
import HTTPTypes
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The API's description says what the API does.
struct OpenAPITests {
    private static let today = Day("2026-11-26")!

    @Test func `every route that programs use is described, and nothing else is`() async throws {
        let live = try await LiveService()
        let routes = try live.service.parts.dashboard().routes
        let there = Set(
            routes.filter { OpenAPITests.isForPrograms($0.path) }.map { "\($0.method.rawValue) \($0.path)" }
        )
        let described = Set(OpenAPIDocument.operations.map { "\($0.method.rawValue) \($0.path)" })
        #expect(there.subtracting(described) == [])
        #expect(described.subtracting(there) == [])
        #expect(described.count == OpenAPIDocument.operations.count)
        #expect(Set(OpenAPIDocument.operations.map(\.id)).count == described.count)
        await live.stop()
    }

    private static func isForPrograms(_ path: String) -> Bool {
        path.hasPrefix("/api/") || ["/metrics", "/healthz", "/readyz", "/openapi.json"].contains(path)
    }

    @Test func `every code that errors become is in the description, under its status`() throws {
        let file = URL(filePath: #filePath).appending(path: "../../../../Sources/Meter/HTTPErrors.swift").standardized
        let source = try String(contentsOf: file, encoding: .utf8)
        let written = source.matches(of: /code: "([a-z_]+)"/).map { String($0.1) }
        #expect(written.count > 15)
        #expect(Set(written).subtracting(OpenAPIProblems.codes) == [])
        let schemas = try #require(OpenAPIDocument.value["components"]?["schemas"])
        for code in MeterError.Code.allCases {
            let problem = HTTPProblem(MeterError(code, ""))
            #expect(schemas["ErrorCode"]?["enum"].map { OpenAPITests.texts($0).contains(problem.code) } == true)
            guard code != .invalidInvitation else { continue }
            let body = OpenAPIProblems.response(Int(problem.status.code))["content"]?["application/json"]?["schema"]
            let codes = body?["properties"]?["error"]?["properties"]?["code"]?["enum"]
            #expect(codes.map { OpenAPITests.texts($0).contains(problem.code) } == true, "\(code)")
        }
    }

    private static func texts(_ value: OpenAPIValue) -> [String] {
        guard case .list(let values) = value else { return [] }
        return values.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    @Test(arguments: Report.Name.allCases)
    func `a report takes what is described and refuses what is not`(_ name: Report.Name) throws {
        let parameters = ReportDescription.parameters(name).filter { $0.name != "format" }
        let needed = Dictionary(
            uniqueKeysWithValues: parameters.filter(\.isRequired).map { ($0.name, $0.example) }
        )
        for parameter in parameters {
            let values = needed.merging([parameter.name: parameter.example]) { $1 }
            #expect(throws: Never.self, "\(parameter.name)") {
                _ = try Report(name, values, today: OpenAPITests.today)
            }
        }
        // What the report itself says that it knows.
        let refusal = #expect(throws: MeterError.self) {
            try Report(name, needed.merging(["nonsense": "x"]) { $1 }, today: OpenAPITests.today)
        }
        let known = refusal?.hint?.split(separator: " ").dropFirst(2).map { String($0.prefix { $0 != "," }) } ?? []
        #expect(Set(known) == Set(parameters.map(\.name)))
        let all = Report.Name.allCases.flatMap { ReportDescription.parameters($0) }
        for other in all where !parameters.contains(where: { $0.name == other.name }) && other.name != "format" {
            let values = needed.merging([other.name: other.example]) { $1 }
            let error = #expect(throws: MeterError.self) { try Report(name, values, today: OpenAPITests.today) }
            #expect(error?.location == other.name)
        }
    }

    @Test func `every answer is as its schema says, and its parameters are taken`() async throws {
        let live = try await LiveService()
        var options = FakeHistoryOptions(seed: TestSeed.of(round: 0), firstDay: Timestamp.now.day.adding(days: -2))
        options.dayCount = 3
        options.oddities = .usual
        _ = try await live.send(FakeHistory(options: options).deliveries)
        _ = try await live.snapshot()
        let client = APIClient(live: live)
        let schema = OpenAPISchemaCheck()
        for operation in OpenAPIDocument.operations where operation.method == .get {
            // It does not end.
            guard operation.path != "/api/v1/stream" else { continue }
            let path = operation.path.replacing("{id}", with: LiveService.connection(0))
                .replacing("{sequence}", with: "1")
            for query in OpenAPITests.queries(operation) {
                let answer = try await client.ask(.GET, path + query)
                let stated = operation.answers.first { $0.status == answer.status }
                guard let stated else {
                    // A connection without a key, and costs without a price.
                    #expect(answer.status == 409 && operation.problems.contains(409), "\(path)\(query) \(answer.text)")
                    continue
                }
                let type = answer.headers.first(name: "content-type")?.prefix { $0 != ";" }
                let content = try #require(stated.content.first { $0.type == type ?? "" }, "\(path)\(query)")
                guard content.type == "application/json" else { continue }
                let problems = try schema.problems(try answer.json(), content.schema)
                #expect(problems == [], "\(path)\(query)")
            }
        }
        #expect(try await client.ask(.GET, "/api/v1/snapshot?since=2026-11-01").code == "invalid_parameter")
        #expect(try await client.ask(.GET, "/api/v1/connections?limit=1").code == "invalid_parameter")
        #expect(try await client.ask(.GET, "/api/v1/usage?project=").code == "invalid_parameter")
        await live.stop()
    }

    /// Nothing, and each parameter by itself, all with what must be there.
    private static func queries(_ operation: OpenAPIOperation) -> [String] {
        let parameters = operation.parameters.filter { $0.place == .query }
        let needed = parameters.filter(\.isRequired).map { "\($0.name)=\($0.example)" }
        // Tables and groupings have columns of their own.
        let each = parameters.flatMap { parameter -> [String] in
            let schema = parameter.schema["items"] ?? parameter.schema
            let values = parameter.name == "format" ? ["csv"] : schema["enum"].map { texts($0) } ?? [parameter.example]
            return values.map { "\(parameter.name)=\($0)" }
        }
        let queries =
            [needed]
            + each.map { given in
                [given] + needed.filter { !given.hasPrefix($0.prefix { $0 != "=" }) }
            }
        return queries.map { $0.isEmpty ? "" : "?" + $0.joined(separator: "&") }
    }

    @Test func `the description is served to viewers too, and 304 to its tag`() async throws {
        let live = try await LiveService()
        let client = APIClient(live: live)
        let answer = try await client.ask(.GET, "/openapi.json")
        #expect(answer.status == 200)
        #expect(try answer.json()["openapi"] as? String == "3.1.0")
        let tag = try #require(answer.headers.first(name: "etag"))
        #expect(try await client.ask(.GET, "/openapi.json", [("if-none-match", tag)]).status == 304)
        await live.stop()
    }
}
