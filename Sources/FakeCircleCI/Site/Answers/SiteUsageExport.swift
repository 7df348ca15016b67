import FoundationEssentials
import Wire

/// A usage export that was started.
struct SiteExport: Sendable {
    /// In the order of the starts, from 0.
    let number: Int
    let organization: Int
    let days: ClosedRange<Day>
    let startedAt: Timestamp
    /// Whether it ends as `failed`.
    let isFailing: Bool
    var looks = 0
    /// Once it is completed: each file, compressed.
    var files: [[UInt8]]?
    var isForgotten = false
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
        guard state.exports.count < state.faults.maximumExports else { return .message(400, "No more of them") }
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
            number: state.exports.count,
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
            export.organization == organization, !export.isForgotten
        else { return .message(404, "Not Found") }
        guard Self.isAllowed(organizationID, &state.exportLooks, state.now) else { return Self.limited }
        export.looks += 1
        let isDone = export.looks > options.exportLooks
        let word = isDone ? (export.isFailing ? "failed" : "completed") : "processing"
        if isDone, !export.isFailing, export.files == nil {
            export.files = state.faults.exportsWithoutFiles ? [] : files(of: export, state.faults)
        }
        state.exports[id] = export
        let addresses = (export.files ?? []).indices.map { file in
            let signature = signature(id, file, at: state.now)
            state.exportSignatures.insert(signature)
            return "\(state.url)/usage-exports/\(id)/\(file).csv.gz?X-Amz-Date=\(state.now.microseconds)"
                + "&X-Amz-Expires=\(options.exportAddressSeconds)&\(Self.signature)=\(signature)"
        }
        var answer = SiteAnswer { json in
            json.object { json in
                json.member("usage_export_job_id", id)
                json.member("state", word)
                if isDone, export.isFailing { json.member("error_reason", "The query took too long") }
                json.member(
                    "download_urls",
                    array: { json in
                        for address in addresses { json.string(address) }
                    }
                )
            }
        }
        // As CircleCI escapes it.
        answer.body = Array(String(decoding: answer.body, as: UTF8.self).replacing("&", with: "\\u0026").utf8)
        return answer
    }

    /// No key is needed: whoever has the address has the file.
    func download(_ id: String, _ file: Int, _ request: SiteRequest, _ state: inout SiteState) -> SiteAnswer {
        guard let export = state.exports[id], let files = export.files, files.indices.contains(file),
            let signedAt = request.query["X-Amz-Date"].flatMap({ Int64($0) }).map(Timestamp.init(microseconds:)),
            request.query[Self.signature] == signature(id, file, at: signedAt),
            state.now.microseconds - signedAt.microseconds <= options.exportAddressSeconds * 1_000_000
        else {
            return SiteAnswer(403, "<Error><Code>AccessDenied</Code></Error>", contentType: "application/xml")
        }
        var answer = SiteAnswer(200, "", contentType: "application/octet-stream")
        answer.body = files[file]
        if state.faults.truncatedDownloads > 0 {
            state.faults.truncatedDownloads -= 1
            answer.body.removeLast(answer.body.count / 2)
        }
        return answer
    }

    private func signature(_ id: String, _ file: Int, at now: Timestamp) -> String {
        uuid("\(id) \(file) \(now.microseconds)")
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

    private func files(of started: SiteExport, _ faults: FakeAPIFaults) -> [[UInt8]] {
        let export = self.export(of: started)
        if faults.exportsWithoutRows { return [GzipWriter.compressed(Array(export.header.utf8))] }
        var files: [[UInt8]] = options.emptyExportsHaveFile ? [Array(export.header.utf8)] : []
        var rows = 0
        export.rows { row in
            if rows / options.exportRowsPerFile == files.count { files.append(Array(export.header.utf8)) }
            files[files.count - 1] += Array(row.line.utf8)
            rows += 1
        }
        return files.map(GzipWriter.compressed)
    }
}
