import AsyncHTTPClient
import CircleCI
import EventLog
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// A running service to which every name came on every way that there is: webhooks, what the API told, usage exports.
struct HostileWorld {
    static let connectionCount = 3

    struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var bytes: [UInt8]
    }

    let live: LiveService
    let names: [String]
    private let token: String

    /// The index of the connection that a name belongs to: few enough each for tables that show the first rows only.
    static func connection(of index: Int) -> String { LiveService.connection(index % connectionCount) }

    init(_ names: [String]) async throws {
        self.names = names
        live = try await LiveService(organizationCount: HostileWorld.connectionCount)
        token = try live.token
        try await agreeOnPrice()
        try await post()
        try await tell()
        try await settle()
        _ = try await live.snapshot()
    }

    func get(_ path: String) async throws -> Answer {
        var request = HTTPClientRequest(url: live.running.dashboardURL + path)
        request.headers.add(name: "authorization", value: "Bearer \(token)")
        request.headers.add(name: "accept", value: "text/html, */*")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(120))
        let body = try await response.body.collect(upTo: 1 << 28)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            bytes: Array(body.readableBytesView)
        )
    }

    // MARK: Filling

    /// Without one there are no costs to be shown.
    private func agreeOnPrice() async throws {
        let keeper = live.service.parts.rateCard
        try await keeper.look()
        let file = URL(filePath: live.service.parts.settings.directory.rateCard)
        var card = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] ?? [:]
        card["contract"] = ["currency": "USD", "periods": [["from": "2020-01-01", "price_per_credit": "0.0006"]]]
        try JSONSerialization.data(withJSONObject: card).write(to: file)
        try await keeper.look()
        #expect(await keeper.problem == nil)
    }

    private func post() async throws {
        let secret = try LiveService.secret.forSigning()
        try await withClient { client in
            for (index, name) in names.enumerated() {
                let url = "\(live.running.webhookURL)/webhooks/circleci/\(HostileWorld.connection(of: index))"
                for body in [job(index, name), workflow(index, name), unknown(index, name)] {
                    let answer = try await WebhookPoster(client: client)
                        .post(body, eventType: nil, to: url, signing: .secret(secret), timeout: .seconds(60))
                    #expect(answer.status == 200, "\(index)")
                }
            }
        }
    }

    /// What only the API tells: the login of who triggered a pipeline.
    private func tell() async throws {
        for (index, name) in names.enumerated() {
            let body = job(index, name, id: "told-\(index)", login: name)
            _ = try await live.service.parts.log.append(
                LogEntry(receivedAt: .now, source: .api, connection: HostileWorld.connection(of: index), body: body)
            )
        }
    }

    private func settle() async throws {
        for connection in 0..<HostileWorld.connectionCount {
            let path = live.directory.path("export-\(connection).csv")
            var text = HostileWorld.columns.joined(separator: ",") + "\n"
            for (index, name) in names.enumerated() where index % HostileWorld.connectionCount == connection {
                text += row(index, name).map(HostileWorld.quoted).joined(separator: ",") + "\n"
            }
            try Data(text.utf8).write(to: URL(filePath: path))
            let request = SettleRequest(files: [.init(name: "export.csv", path: path, exportedAt: .now)])
            let report = try await live.service.parts.circleci.settler
                .settle(LiveService.connection(connection), request) { _ in }
            #expect(report.isGood && report.files[0].settled == report.files[0].rows, "\(report.files)")
        }
    }

    // MARK: What is said

    static func slug(_ index: Int, _ name: String) -> String { "circleci/o\(index)/\(name)" }
    /// Another text than what the slug ends with, which would not be shown beside it.
    static func projectName(_ name: String) -> String { "P\(name)" }

    private func start(_ index: Int) -> Timestamp {
        Timestamp.now.day.start.adding(seconds: -86_400 + Double(index))
    }

    private func job(_ index: Int, _ name: String, id: String? = nil, login: String? = nil) -> [UInt8] {
        let end = start(index).adding(seconds: 60)
        return event("job-completed", id ?? "job-event-\(index)", index, name, login: login, email: name) { json in
            json.member("id", id ?? "job-\(index)")
            json.member("name", name)
            json.member("number", index + 1)
            json.member("status", index % 2 == 0 ? name : "success")
            json.member("started_at", start(index).description)
            json.member("stopped_at", end.description)
        }
    }

    private func workflow(_ index: Int, _ name: String) -> [UInt8] {
        event("workflow-completed", "workflow-event-\(index)", index, name, login: nil, email: nil, job: nil)
    }

    private func unknown(_ index: Int, _ name: String) -> [UInt8] {
        event(name, "unknown-event-\(index)", index, name, login: nil, email: nil, job: nil)
    }

    private func event(
        _ type: String,
        _ id: String,
        _ index: Int,
        _ name: String,
        login: String?,
        email: String?,
        job: ((inout JSONWriter) -> Void)?
    ) -> [UInt8] {
        let start = start(index)
        var json = JSONWriter()
        json.object { json in
            json.member("id", id)
            json.member("type", type)
            json.member("happened_at", start.adding(seconds: 61).description)
            json.member("webhook", object: { $0.member("id", "hook") })
            json.member("organization", object: { $0.member("name", name) })
            json.member(
                "project",
                object: { json in
                    json.member("id", "project-\(index)")
                    json.member("name", HostileWorld.projectName(name))
                    json.member("slug", HostileWorld.slug(index, name))
                }
            )
            json.member(
                "workflow",
                object: { json in
                    json.member("id", "workflow-\(index)")
                    json.member("name", name)
                    json.member("status", name)
                    json.member("created_at", start.description)
                    json.member("stopped_at", start.adding(seconds: 60).description)
                }
            )
            if let job { json.member("job", object: job) }
            json.member(
                "pipeline",
                object: { json in
                    json.member("id", "pipeline-\(index)")
                    json.member("number", index + 1)
                    json.member("created_at", start.description)
                    json.member(
                        "trigger",
                        object: { json in
                            json.member("type", name)
                            if let login { json.member("actor", object: { $0.member("login", login) }) }
                        }
                    )
                    json.member("vcs", object: { write(name, email: email, hasAuthor: login == nil, to: &$0) })
                }
            )
        }
        return json.bytes
    }

    /// - Parameter hasAuthor: where there is one, a login does not count.
    private func write(_ name: String, email: String?, hasAuthor: Bool, to json: inout JSONWriter) {
        json.member("branch", name)
        guard hasAuthor else { return }
        json.member(
            "commit",
            object: { json in
                json.member(
                    "author",
                    object: { json in
                        json.member("name", name)
                        if let email { json.member("email", email) }
                    }
                )
            }
        )
    }

    // MARK: The usage export

    private static let credits = [
        "COMPUTE", "DLC", "USER", "STORAGE", "NETWORK", "LEASE", "LEASE_OVERAGE", "IPRANGES", "TOTAL",
    ].map { "\($0)_CREDITS" }
    private static let columns =
        [
            "JOB_ID", "PROJECT_ID", "PROJECT_NAME", "ORGANIZATION_NAME", "VCS_NAME", "VCS_BRANCH",
            "PIPELINE_CREATED_AT",
            "PIPELINE_TRIGGER_USER_ID", "WORKFLOW_ID", "WORKFLOW_NAME", "JOB_NAME", "JOB_BUILD_STATUS",
            "RESOURCE_CLASS",
            "OPERATING_SYSTEM", "EXECUTOR", "JOB_RUN_STARTED_AT", "JOB_RUN_STOPPED_AT", "JOB_RUN_SECONDS",
            "MEDIAN_CPU_UTILIZATION_PCT", "MAX_CPU_UTILIZATION_PCT", "MEDIAN_RAM_UTILIZATION_PCT",
            "MAX_RAM_UTILIZATION_PCT",
        ] + credits

    private func row(_ index: Int, _ name: String) -> [String] {
        func time(_ time: Timestamp) -> String { time.description.replacing("T", with: " ").replacing("Z", with: "") }
        let start = start(index)
        return [
            "settled-\(index)", "project-\(index)", HostileWorld.projectName(name), name, name, name, time(start), name,
            "settled-workflow-\(index)", name, name, name, name, name, name, time(start),
            time(start.adding(seconds: 60)), "60", "10", "20", "10", "20", "10", "1", "1", "1", "1", "1", "1", "1",
            "17",
        ]
    }

    private static func quoted(_ cell: String) -> String {
        var quoted = "\""
        for scalar in cell.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { quoted.unicodeScalars.append("\\") }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "\""
    }
}
