public import NIOCore
import NIOHTTP1
public import Wire

/// A usage export that CircleCI makes or has made.
public struct APIUsageExport: Hashable, Sendable {
    public var id: String
    /// `created`, `processing`, `completed`, `failed`; open, as all such words are.
    public var state: String
    /// Where the files are, once it is completed: addresses that are signed, and so as good as a key.
    public var downloads: [UsageExportDownload]
    public var errorReason: String?

    public init(id: String, state: String, downloads: [UsageExportDownload], errorReason: String? = nil) {
        self.id = id
        self.state = state
        self.downloads = downloads
        self.errorReason = errorReason
    }
}

/// The address of one file of a usage export. Its description hides it: whoever has it can read the file.
public struct UsageExportDownload: Hashable, Sendable, CustomStringConvertible {
    let url: String

    public init(url: String) {
        self.url = url
    }

    /// The same for every signed address of the same file, and no way back to it: 32 hexadecimal digits.
    public var name: String { Hex.string(Identity.of(String(url.prefix { $0 != "?" }))) }

    public var description: String { "a file of a usage export" }
}

/// What circlemeter asks of CircleCI to get usage exports. CircleCI allows ten starts and ten looks an hour and
/// organization; keeping to that is the caller's, since a call cannot wait for hours. Each call is made once: whether to
/// try again is the caller's to say, too. A 429 of these calls holds no others back.
public protocol UsageExportAPI: Sendable {
    /// The organizations of the key's owner.
    func collaborations() async throws(CircleCIError) -> [APIOrganization]
    /// Starts an export of what ran from `start` to `end`, at most 31 days. Never sent twice.
    func startUsageExport(
        organizationID: String,
        start: Timestamp,
        end: Timestamp
    ) async throws(CircleCIError) -> APIUsageExport
    func usageExport(organizationID: String, id: String) async throws(CircleCIError) -> APIUsageExport
    /// Hands a file over piece by piece. The key is not shown: the address is signed.
    ///
    /// - Throws: `CircleCIError`, in which no address is; whatever `sink` throws.
    func download(
        _ download: UsageExportDownload,
        maximumBytes: Int,
        to sink: @Sendable (ByteBuffer) async throws -> Void
    ) async throws
}

extension CircleCIClient: UsageExportAPI {
    public func startUsageExport(
        organizationID: String,
        start: Timestamp,
        end: Timestamp
    ) async throws(CircleCIError) -> APIUsageExport {
        var body = JSONWriter()
        body.object { json in
            json.member("start", start.description)
            json.member("end", end.description)
        }
        let request = APIRequest(
            method: .POST,
            endpoint: "/organizations/{org_id}/usage_export_job",
            path: "/api/v2/organizations/\(try Escaping.segment(organizationID))/usage_export_job",
            body: body.bytes,
            hasOwnLimit: true
        )
        return try APIUsageExport(try await answer(to: request).object())
    }

    public func usageExport(organizationID: String, id: String) async throws(CircleCIError) -> APIUsageExport {
        let organization = try Escaping.segment(organizationID)
        let request = APIRequest(
            endpoint: "/organizations/{org_id}/usage_export_job/{usage_export_job_id}",
            path: "/api/v2/organizations/\(organization)/usage_export_job/\(try Escaping.segment(id))",
            maximumTries: 1,
            hasOwnLimit: true
        )
        return try APIUsageExport(try await answer(to: request).object())
    }

    public func download(
        _ download: UsageExportDownload,
        maximumBytes: Int,
        to sink: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        try await exchange.download(download.url, maximumBytes: maximumBytes, to: sink)
    }
}

extension APIUsageExport {
    init(_ object: APIObject) throws(CircleCIError) {
        let state = try object.text("state")
        // Before it is completed there are none; then, none that can be read is not the same as none.
        let urls = state == "completed" ? try object.texts("download_urls") : []
        self.init(
            id: try object.text("usage_export_job_id"),
            state: state,
            downloads: urls.map(UsageExportDownload.init),
            errorReason: object.optionalText("error_reason")
        )
    }
}
