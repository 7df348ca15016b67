import FoundationEssentials
import NIOHTTP1
import Wire

/// A call, taken apart as far as all of them are.
struct SiteRequest: Sendable {
    let method: String
    let route: SiteRoute
    /// Decoded. Of a name that comes twice, the last.
    let query: [String: String]
    /// The API token that the call shows, in whichever header; nil where it shows none.
    let key: String?
    /// As it came, for counting tries.
    let target: String
    let acceptsJSON: Bool
    let body: [UInt8]

    init(_ head: HTTPRequestHead, _ body: [UInt8]) {
        method = head.method.rawValue
        target = head.uri
        self.body = body
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var query: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count > 1 ? halves[1].replacing("+", with: " ") : ""
            query[Self.decoded(halves[0])] = Self.decoded(value)
        }
        self.query = query
        // A slug's slashes may be escaped: decoded first, then taken apart.
        route = SiteRoute(path: Self.decoded(parts.first ?? ""))
        acceptsJSON = head.headers["accept"].contains { $0.contains("application/json") }
        key = Self.key(in: head.headers)
    }

    /// Without percent escapes.
    private static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = Hex.value(bytes[index + 1]),
                let low = Hex.value(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func key(in headers: HTTPHeaders) -> String? {
        if let token = headers.first(name: "circle-token") { return token }
        let parts = (headers.first(name: "authorization") ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic":
            // The token is the user's name; there is no password.
            guard let pair = Data(base64Encoded: String(parts[1])) else { return nil }
            return String(decoding: pair.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
        default: return nil
        }
    }
}

/// What a call is about.
enum SiteRoute: Sendable {
    case me
    case collaborations
    case followedProjects
    case project(slug: String)
    case projectPipelines(slug: String)
    case job(slug: String, number: String)
    case organizationPipelines
    case pipeline(id: String)
    case workflows(pipelineID: String)
    case workflow(id: String)
    case jobs(workflowID: String)
    case webhooks
    case webhook(id: String)
    case usageExports(organizationID: String)
    case usageExport(organizationID: String, id: String)
    /// Of a signed address, where no key is needed.
    case download(exportID: String, file: Int)
    case user(id: String)
    case unknown

    /// - Parameter path: Decoded, without the query.
    init(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        if parts.count == 3, parts[0] == "usage-exports", let file = Int(parts[2].prefix { $0 != "." }) {
            self = .download(exportID: parts[1], file: file)
            return
        }
        guard parts.count > 2, parts[0] == "api" else {
            self = .unknown
            return
        }
        let rest = Array(parts[2...])
        let slug = rest.count > 3 ? rest[1...3].joined(separator: "/") : ""
        switch (parts[1], rest[0], rest.count) {
        case ("v1.1", "projects", 1): self = .followedProjects
        case ("v2", "me", 1): self = .me
        case ("v2", "me", 2) where rest[1] == "collaborations": self = .collaborations
        case ("v2", "project", 4): self = .project(slug: slug)
        case ("v2", "project", 5) where rest[4] == "pipeline": self = .projectPipelines(slug: slug)
        case ("v2", "project", 6) where rest[4] == "job": self = .job(slug: slug, number: rest[5])
        case ("v2", "pipeline", 1): self = .organizationPipelines
        case ("v2", "pipeline", 2): self = .pipeline(id: rest[1])
        case ("v2", "pipeline", 3) where rest[2] == "workflow": self = .workflows(pipelineID: rest[1])
        case ("v2", "workflow", 2): self = .workflow(id: rest[1])
        case ("v2", "workflow", 3) where rest[2] == "job": self = .jobs(workflowID: rest[1])
        case ("v2", "webhook", 1): self = .webhooks
        case ("v2", "webhook", 2): self = .webhook(id: rest[1])
        case ("v2", "organizations", 3) where rest[2] == "usage_export_job":
            self = .usageExports(organizationID: rest[1])
        case ("v2", "organizations", 4) where rest[2] == "usage_export_job":
            self = .usageExport(organizationID: rest[1], id: rest[3])
        case ("v2", "user", 2): self = .user(id: rest[1])
        default: self = .unknown
        }
    }

    /// With placeholders.
    var endpoint: String {
        switch self {
        case .me: "/me"
        case .collaborations: "/me/collaborations"
        case .followedProjects: "/api/v1.1/projects"
        case .project: "/project/{slug}"
        case .projectPipelines: "/project/{slug}/pipeline"
        case .job: "/project/{slug}/job/{number}"
        case .organizationPipelines: "/pipeline"
        case .pipeline: "/pipeline/{id}"
        case .workflows: "/pipeline/{id}/workflow"
        case .workflow: "/workflow/{id}"
        case .jobs: "/workflow/{id}/job"
        case .webhooks: "/webhook"
        case .webhook: "/webhook/{id}"
        case .usageExports: "/organizations/{org_id}/usage_export_job"
        case .usageExport: "/organizations/{org_id}/usage_export_job/{usage_export_job_id}"
        case .download: "download"
        case .user: "/user/{id}"
        case .unknown: "unknown"
        }
    }
}

/// What a call is answered.
struct SiteAnswer: Sendable {
    var status: Int
    var contentType = "application/json"
    var headers: [(String, String)] = []
    var body: [UInt8]

    init(_ status: Int, _ text: String, contentType: String) {
        self.status = status
        self.contentType = contentType
        body = Array(text.utf8)
    }

    init(_ status: Int = 200, _ write: (inout JSONWriter) -> Void) {
        var json = JSONWriter()
        write(&json)
        self.status = status
        body = json.bytes
    }

    /// `{"message": ...}`, as every error is told.
    static func message(_ status: Int, _ text: String) -> SiteAnswer {
        SiteAnswer(status) { $0.object { $0.member("message", text) } }
    }

    static func html(_ status: Int, _ title: String) -> SiteAnswer {
        let page = "<!DOCTYPE html>\n<html><head><title>\(title)</title></head><body><h1>\(title)</h1></body></html>\n"
        return SiteAnswer(status, page, contentType: "text/html; charset=utf-8")
    }
}
