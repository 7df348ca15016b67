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
        let content = RowWriter(reader: reader).content()
        let contentID = SettlementEvent.hash(content)
        self.contentID = contentID
        // What is written so far is the object without its end; id and time come between.
        var json = JSONWriter()
        json.object { json in
            json.member("id", "export-\(Hex.string(contentID))")
            json.member("exported_at", exportedAt.description)
        }
        body = Array(content.dropLast()) + [UInt8(ascii: ",")] + json.bytes.dropFirst()
    }

    /// The first half of SHA-256.
    private static func hash(_ bytes: [UInt8]) -> UInt128 {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        let isDone = EVP_Digest(bytes, bytes.count, &digest, &count, EVP_sha256(), nil) == 1
        precondition(isDone && count == 32, "libcrypto has no SHA-256")
        return digest.prefix(16).reduce(0) { $0 << 8 | UInt128($1) }
    }
}

/// Writes a row in the shape of a webhook's event, with what only the export says under `usage`.
private struct RowWriter {
    let reader: UsageExportReader

    func content() -> [UInt8] {
        let row = reader.row
        var json = JSONWriter()
        json.object { json in
            json.member("type", "job-settled")
            let happenedAt = row.stoppedAt ?? row.startedAt ?? row.queuedAt ?? row.pipelineCreatedAt
            json.member("happened_at", happenedAt.description)
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
        return json.bytes
    }

    private func writeUsage(_ row: ExportRow, to part: inout Part) {
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
            if let isUnregistered = row.isUnregistered { part.bool("unregistered", isUnregistered) }
        }
    }
}

/// An object whose members are left out where there is nothing to say, and which is left out itself without members.
private struct Part {
    private(set) var json = JSONWriter()
    private(set) var isEmpty = true

    mutating func text(_ name: String, _ text: UnsafeRawBufferPointer?) {
        guard let text else { return }
        json.member(name, utf8: text)
        isEmpty = false
    }

    mutating func value(_ name: String, _ value: String?) {
        guard let value else { return }
        json.member(name, value)
        isEmpty = false
    }

    mutating func time(_ name: String, _ time: Timestamp?) { value(name, time?.description) }

    mutating func integer(_ name: String, _ value: Int64?) {
        guard let value else { return }
        json.member(name, value)
        isEmpty = false
    }

    mutating func bool(_ name: String, _ value: Bool) {
        json.member(name, value)
        isEmpty = false
    }

    mutating func part(_ name: String, _ body: (inout Part) -> Void) {
        var part = Part()
        body(&part)
        guard !part.isEmpty else { return }
        json.name(name)
        json.raw([UInt8(ascii: "{")] + part.json.bytes + [UInt8(ascii: "}")])
        isEmpty = false
    }
}

extension JSONWriter {
    fileprivate mutating func part(_ name: String, _ body: (inout Part) -> Void) {
        var part = Part()
        body(&part)
        guard !part.isEmpty else { return }
        self.name(name)
        raw([UInt8(ascii: "{")] + part.json.bytes + [UInt8(ascii: "}")])
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
