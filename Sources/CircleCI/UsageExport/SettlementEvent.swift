import COpenSSL
public import Wire

/// The event that a row of the usage export becomes on the log.
///
/// Its id is a hash of all that the row says, so that a row of another export that says the same is the same, and one
/// that says otherwise another; when it was exported stands behind that.
public struct SettlementEvent: Sendable {
    public let contentID: UInt128
    /// One JSON object on one line.
    public let body: [UInt8]

    /// Of the row that `reader` read last.
    public init(_ reader: UsageExportReader, exportedAt: Timestamp) {
        var json = JSONWriter()
        json.reserve(SettlementEvent.usualByteCount)
        var contentID: UInt128 = 0
        json.object { json in
            RowWriter(reader: reader).write(to: &json)
            // Of the members so far, as an object.
            contentID = json.bytes.withUnsafeBytes { SettlementEvent.hash($0) }
            json.member("id", "export-\(Hex.string(contentID))")
            json.member("exported_at", exportedAt.description)
        }
        self.contentID = contentID
        body = json.bytes
    }

    private static let usualByteCount = 1536
    // Looked up once, which costs as much as the digest of a row.
    //
    // Unsafe: made once, never freed or changed, and libcrypto reads it on any thread.
    nonisolated(unsafe) private static let sha256 = EVP_MD_fetch(nil, "SHA256", nil)

    /// The first half of SHA-256 of an object of which the brace at the end is still to come.
    private static func hash(_ members: UnsafeRawBufferPointer) -> UInt128 {
        withUnsafeTemporaryAllocation(byteCount: Int(EVP_MAX_MD_SIZE), alignment: 16) { digest in
            let context = EVP_MD_CTX_new()
            defer { EVP_MD_CTX_free(context) }
            let isDone =
                EVP_DigestInit_ex(context, sha256, nil) == 1
                && EVP_DigestUpdate(context, members.baseAddress, members.count) == 1
                && EVP_DigestUpdate(context, "}", 1) == 1
                && EVP_DigestFinal_ex(context, digest.baseAddress?.assumingMemoryBound(to: UInt8.self), nil) == 1
            precondition(isDone, "libcrypto has no SHA-256")
            return UInt128(bigEndian: digest.loadUnaligned(as: UInt128.self))
        }
    }
}

/// Writes a row in the shape of a webhook's event, with what only the export says under `usage`.
private struct RowWriter {
    let reader: UsageExportReader

    func write(to json: inout JSONWriter) {
        let row = reader.row
        json.member("type", "job-settled")
        let happenedAt = row.stoppedAt ?? row.startedAt ?? row.queuedAt ?? row.pipelineCreatedAt
        json.member("happened_at", happenedAt)
        json.part("organization") { part in
            part.text("id", reader.text(.organizationID))
            part.text("name", reader.text(.organizationName))
        }
        json.part("project") { part in
            part.text("id", reader.text(.projectID))
            part.value("slug", reader.slug)
            part.text("name", reader.text(.projectName))
        }
        json.part("workflow") { part in
            part.text("id", reader.text(.workflowID))
            part.text("name", reader.text(.workflowName))
            part.time("stopped_at", row.workflowStoppedAt)
        }
        json.part("job") { part in
            part.text("id", reader.text(.jobID))
            part.text("name", reader.text(.jobName))
            part.integer("number", row.jobNumber)
            part.text("status", reader.text(.jobStatus))
            part.time("started_at", row.startedAt)
            part.time("stopped_at", row.stoppedAt)
        }
        json.part("pipeline") { part in
            part.text("id", reader.text(.pipelineID))
            part.integer("number", row.pipelineNumber)
            part.time("created_at", row.pipelineCreatedAt)
            part.part("trigger") { $0.text("type", reader.text(.pipelineTriggerSource)) }
            part.part("vcs") { part in
                part.text("provider_name", reader.text(.vcsName))
                part.text("target_repository_url", reader.text(.vcsURL))
                part.text("branch", reader.text(.vcsBranch))
            }
        }
        json.part("usage") { writeUsage(row, to: &$0) }
        let others = reader.others
        if !others.isEmpty {
            json.part("columns") { part in
                for other in others { part.text(other.name, other.text) }
            }
        }
    }

    private func writeUsage(_ row: ExportRow, to part: inout JSONWriter) {
        part.text("resource_class", reader.text(.resourceClass))
        part.text("executor", reader.text(.executor))
        part.text("operating_system", reader.text(.operatingSystem))
        part.integer("parallelism", row.parallelism)
        part.integer("seconds", row.seconds)
        part.time("queued_at", row.queuedAt)
        part.part("credits") { part in
            for credits in row.credits { part.integer(credits.feature, credits.thousandths) }
            part.integer("total", row.totalCredits)
        }
        part.part("cpu") { part in
            part.integer("median", row.medianCPU)
            part.integer("max", row.maximumCPU)
        }
        part.part("ram") { part in
            part.integer("median", row.medianMemory)
            part.integer("max", row.maximumMemory)
        }
        part.part("user") { part in
            part.text("id", reader.text(.pipelineTriggerUserID))
            if let isUnregistered = row.isUnregistered { part.member("unregistered", isUnregistered) }
        }
    }
}

/// Members are left out where there is nothing to say, and so are objects without members.
extension JSONWriter {
    fileprivate mutating func text(_ name: String, _ text: UnsafeRawBufferPointer?) {
        if let text { member(name, utf8: text) }
    }

    fileprivate mutating func value(_ name: String, _ value: String?) {
        if let value { member(name, value) }
    }

    fileprivate mutating func time(_ name: String, _ time: Timestamp?) {
        if let time { member(name, time) }
    }

    fileprivate mutating func integer(_ name: String, _ value: Int64?) {
        if let value { member(name, value) }
    }

    fileprivate mutating func part(_ name: String, _ body: (inout JSONWriter) -> Void) {
        member(name, objectUnlessEmpty: body)
    }
}

extension UsageExportReader {
    /// The project's slug as far as the repository's address tells it: `https://github.com/o/r` is `github/o/r`.
    fileprivate var slug: String? {
        guard let url = text(.vcsURL) else { return nil }
        var rest = String(decoding: url, as: UTF8.self)[...]
        for scheme in ["https://", "http://", "//"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            break
        }
        if rest.hasSuffix(".git") { rest = rest.dropLast(4) }
        for (host, provider) in [
            ("github.com/", "github/"), ("bitbucket.org/", "bitbucket/"), ("circleci.com/", "circleci/"),
        ]
        where rest.hasPrefix(host) {
            let path = rest.dropFirst(host.count)
            return path.split(separator: "/", omittingEmptySubsequences: false).count == 2 ? provider + path : nil
        }
        return nil
    }
}
