import FoundationEssentials
import Wire

/// A usage export that was started.
struct SiteExport: Sendable {
    let organization: Int
    let days: ClosedRange<Day>
    let startedAt: Timestamp
    /// Whether it ends as `failed`.
    let isFailing: Bool
    var looks = 0
}

/// Usage exports: started, looked at until they are completed, and downloaded from signed addresses.
extension SiteAPI {
    private static let perHour = 10
    private static let signature = "X-Amz-Signature"

    func startUsageExport(
        _ organizationID: String,
        _ request: SiteRequest,
        _ key: SiteKey?,
        _ state: inout SiteState
    ) -> SiteAnswer {
        guard let organization = organization(organizationID, key) else { return .message(404, "Not Found") }
        guard Self.isAllowed(organizationID, &state.exportStarts, state.now) else { return Self.limited }
        struct Body: Decodable {
            var start: String
            var end: String
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(request.body)),
            let start = Timestamp(body.start), let end = Timestamp(body.end), start <= end
        else { return .message(400, "Invalid start or end") }
        guard end <= state.now else { return .message(400, "end must not be in the future") }
        guard end.microseconds - start.microseconds <= 31 * 86_400_000_000 else {
            return .message(400, "end must be at most 31 days after start")
        }
        guard state.now.microseconds - start.microseconds <= 366 * 86_400_000_000 else {
            return .message(400, "start must be at most one year ago")
        }
        let id = uuid("export \(organizationID) \(state.exports.count)")
        let isFailing = state.faults.failingExports > 0
        state.faults.failingExports -= isFailing ? 1 : 0
        state.exports[id] = SiteExport(
            organization: organization,
            days: start.day...end.day,
            startedAt: state.now,
            isFailing: isFailing
        )
        return SiteAnswer(201) { json in
            json.object { json in
                json.member("usage_export_job_id", id)
                json.member("state", "created")
                json.member("start", body.start)
                json.member("end", body.end)
                json.member("download_urls", array: { _ in })
            }
        }
    }

    func usageExport(
        _ id: String,
        _ organizationID: String,
        _ key: SiteKey?,
        _ state: inout SiteState
    ) -> SiteAnswer {
        guard let organization = organization(organizationID, key), var export = state.exports[id],
            export.organization == organization
        else { return .message(404, "Not Found") }
        guard Self.isAllowed(organizationID, &state.exportLooks, state.now) else { return Self.limited }
        export.looks += 1
        state.exports[id] = export
        let isDone = export.looks > options.exportLooks
        let word = isDone ? (export.isFailing ? "failed" : "completed") : "processing"
        let files = isDone && !export.isFailing ? max(1, files(of: export).count) : 0
        let url = state.url
        return SiteAnswer { json in
            json.object { json in
                json.member("usage_export_job_id", id)
                json.member("state", word)
                if isDone, export.isFailing { json.member("error_reason", "The query took too long") }
                json.member(
                    "download_urls",
                    array: { json in
                        for file in 0..<files {
                            let path = "\(url)/usage-exports/\(id)/\(file).csv.gz"
                            json.string("\(path)?X-Amz-Expires=3600&\(Self.signature)=\(uuid("\(id) \(file)"))")
                        }
                    }
                )
            }
        }
    }

    func download(_ id: String, _ file: Int, _ request: SiteRequest, _ state: SiteState) -> SiteAnswer {
        guard let export = state.exports[id], request.query[Self.signature] == uuid("\(id) \(file)") else {
            return SiteAnswer(403, "<Error><Code>AccessDenied</Code></Error>", contentType: "application/xml")
        }
        let files = files(of: export)
        // There is an address although there is nothing: then the header alone.
        let text = file < files.count ? files[file] : Array(self.export(of: export).header.utf8)
        var answer = SiteAnswer(200, "", contentType: "application/octet-stream")
        answer.body = GzipWriter.compressed(text)
        return answer
    }

    func user(_ id: String, _ key: SiteKey?) -> SiteAnswer {
        guard let key else { return .message(401, "You must log in first.") }
        guard id == uuid("user \(key.login)") else { return .message(404, "User not found") }
        return SiteAnswer {
            $0.object {
                $0.member("id", id)
                $0.member("login", key.login)
                $0.member("name", key.login)
            }
        }
    }

    private static let limited: SiteAnswer = {
        var answer = SiteAnswer.message(429, "Rate limit exceeded")
        answer.headers.append(("retry-after", "3600"))
        return answer
    }()

    private static func isAllowed(
        _ organization: String,
        _ calls: inout [String: [Timestamp]],
        _ now: Timestamp
    ) -> Bool {
        let recent = (calls[organization] ?? []).filter { now.microseconds - $0.microseconds < 3_600_000_000 }
        calls[organization] = recent + [now]
        return recent.count < perHour
    }

    private func organization(_ id: String, _ key: SiteKey?) -> Int? {
        guard options.hasUsageExports, let key else { return nil }
        return world.projects.first { $0.fake.organizationID == id && key.sees($0.fake) }?.fake.organizationIndex
    }

    private func export(of export: SiteExport) -> FakeUsageExport {
        var exportOptions = FakeUsageExport.Options(days: export.days)
        // Made once a day, through the last full day.
        exportOptions.asOf = Timestamp(
            microseconds: Int64(export.startedAt.day.daysSinceEpoch) * 86_400_000_000
        )
        if let after = options.correctsExportsAfter, after <= export.startedAt { exportOptions.correctedShare = 0.1 }
        return FakeUsageExport(world.history, organization: export.organization, options: exportOptions)
    }

    private func files(of started: SiteExport) -> [[UInt8]] {
        let export = self.export(of: started)
        var files: [[UInt8]] = []
        var rows = 0
        export.rows { row in
            if rows % options.exportRowsPerFile == 0 { files.append(Array(export.header.utf8)) }
            files[files.count - 1] += Array(row.line.utf8)
            rows += 1
        }
        return files
    }
}
