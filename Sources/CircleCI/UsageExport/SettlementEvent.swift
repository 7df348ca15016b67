import Glibc
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
        let writer = RowWriter(cells: reader.cells, columns: reader.columns, row: reader.row)
        (contentID, body) = withUnsafeTemporaryAllocation(byteCount: writer.maximumByteCount, alignment: 16) { memory in
            var text = EventText(memory)
            text.literal("{")
            writer.write(to: &text)
            // Of the members so far, as an object.
            let contentID = text.asObject { reader.digest.half($0) }
            text.literal("\"id\":\"export-")
            text.hexadecimal(contentID)
            text.literal("\",\"exported_at\":\"")
            text.time(exportedAt)
            text.literal("\",")
            return (contentID, text.asObject { [UInt8]($0) })
        }
    }
}

/// Writes a row in the shape of a webhook's event, with what only the export says under `usage`. Members are left out
/// where there is nothing to say.
private struct RowWriter {
    let cells: ExportTable.Row
    let columns: ExportColumns
    let row: ExportRow

    /// What all names, numbers and times take at most, of the columns that are known.
    private static let fixedByteCount = 4096
    /// What the character of a text takes that has to be escaped, `\u0001`.
    private static let escapedByteCount = 6

    /// No event is longer.
    var maximumByteCount: Int {
        // The address is written once more as a slug.
        let texts = 2 * cells.byteCount
        return RowWriter.fixedByteCount + columns.eventByteCount
            + (cells.isPlain ? texts : texts * RowWriter.escapedByteCount)
    }

    func write(to out: inout EventText) {
        out.literal("\"type\":\"job-settled\",")
        time("\"happened_at\":\"", row.stoppedAt ?? row.startedAt ?? row.queuedAt ?? row.pipelineCreatedAt, to: &out)
        let organization = out.open("\"organization\":{")
        text("\"id\":\"", .organizationID, to: &out)
        text("\"name\":\"", .organizationName, to: &out)
        out.close(organization)
        let project = out.open("\"project\":{")
        text("\"id\":\"", .projectID, to: &out)
        slug(to: &out)
        text("\"name\":\"", .projectName, to: &out)
        out.close(project)
        let workflow = out.open("\"workflow\":{")
        text("\"id\":\"", .workflowID, to: &out)
        text("\"name\":\"", .workflowName, to: &out)
        time("\"stopped_at\":\"", row.workflowStoppedAt, to: &out)
        out.close(workflow)
        let job = out.open("\"job\":{")
        text("\"id\":\"", .jobID, to: &out)
        text("\"name\":\"", .jobName, to: &out)
        integer("\"number\":", row.jobNumber, to: &out)
        text("\"status\":\"", .jobStatus, to: &out)
        time("\"started_at\":\"", row.startedAt, to: &out)
        time("\"stopped_at\":\"", row.stoppedAt, to: &out)
        out.close(job)
        writePipeline(to: &out)
        writeUsage(to: &out)
        writeOthers(to: &out)
    }

    private func writePipeline(to out: inout EventText) {
        let pipeline = out.open("\"pipeline\":{")
        text("\"id\":\"", .pipelineID, to: &out)
        integer("\"number\":", row.pipelineNumber, to: &out)
        time("\"created_at\":\"", row.pipelineCreatedAt, to: &out)
        let trigger = out.open("\"trigger\":{")
        text("\"type\":\"", .pipelineTriggerSource, to: &out)
        out.close(trigger)
        let vcs = out.open("\"vcs\":{")
        text("\"provider_name\":\"", .vcsName, to: &out)
        text("\"target_repository_url\":\"", .vcsURL, to: &out)
        text("\"branch\":\"", .vcsBranch, to: &out)
        out.close(vcs)
        out.close(pipeline)
    }

    private func writeUsage(to out: inout EventText) {
        let usage = out.open("\"usage\":{")
        text("\"resource_class\":\"", .resourceClass, to: &out)
        text("\"executor\":\"", .executor, to: &out)
        text("\"operating_system\":\"", .operatingSystem, to: &out)
        integer("\"parallelism\":", row.parallelism, to: &out)
        integer("\"seconds\":", row.seconds, to: &out)
        time("\"queued_at\":\"", row.queuedAt, to: &out)
        let credits = out.open("\"credits\":{")
        for part in row.credits {
            columns.credits[part.column].member.withUnsafeBytes { out.bytes($0) }
            out.integer(part.thousandths)
            out.literal(",")
        }
        integer("\"total\":", row.totalCredits, to: &out)
        out.close(credits)
        let cpu = out.open("\"cpu\":{")
        integer("\"median\":", row.medianCPU, to: &out)
        integer("\"max\":", row.maximumCPU, to: &out)
        out.close(cpu)
        let memory = out.open("\"ram\":{")
        integer("\"median\":", row.medianMemory, to: &out)
        integer("\"max\":", row.maximumMemory, to: &out)
        out.close(memory)
        let user = out.open("\"user\":{")
        text("\"id\":\"", .pipelineTriggerUserID, to: &out)
        if let isUnregistered = row.isUnregistered {
            out.literal(isUnregistered ? "\"unregistered\":true," : "\"unregistered\":false,")
        }
        out.close(user)
        out.close(usage)
    }

    /// Cells of columns that are not known, by their names.
    private func writeOthers(to out: inout EventText) {
        let others = out.open("\"columns\":{")
        for other in columns.others where !cells[other.place].isNull {
            other.member.withUnsafeBytes { out.bytes($0) }
            out.literal("\"")
            if let text = cells.text(at: other.place) { out.characters(text, isPlain: cells.isPlain) }
            out.literal("\",")
        }
        out.close(others)
    }

    /// The project's slug as far as the repository's address tells it: `https://github.com/o/r` is `github/o/r`.
    private func slug(to out: inout EventText) {
        guard let place = columns.place(.vcsURL), let url = cells.text(at: place),
            let (provider, path) = RepositoryAddress.slug(of: url)
        else { return }
        out.literal("\"slug\":\"")
        out.literal(provider)
        out.characters(path, isPlain: cells.isPlain)
        out.literal("\",")
    }

    /// - Parameter name: with its quotes, the colon and the value's first quote.
    @inline(__always)
    private func text(_ name: StaticString, _ column: ExportColumns.Column, to out: inout EventText) {
        guard let place = columns.place(column), let text = cells.text(at: place) else { return }
        out.literal(name)
        out.characters(text, isPlain: cells.isPlain)
        out.literal("\",")
    }

    @inline(__always)
    private func time(_ name: StaticString, _ time: Timestamp?, to out: inout EventText) {
        guard let time else { return }
        out.literal(name)
        out.time(time)
        out.literal("\",")
    }

    @inline(__always)
    private func integer(_ name: StaticString, _ value: Int64?, to out: inout EventText) {
        guard let value else { return }
        out.literal(name)
        out.integer(value)
        out.literal(",")
    }
}

/// What a repository's address tells.
private enum RepositoryAddress {
    private static let schemes: [StaticString] = ["https://", "http://", "//"]
    private static let hosts: [(host: StaticString, provider: StaticString)] = [
        ("github.com/", "github/"), ("bitbucket.org/", "bitbucket/"), ("circleci.com/", "circleci/"),
    ]

    static func slug(of url: UnsafeRawBufferPointer) -> (provider: StaticString, path: UnsafeRawBufferPointer)? {
        var rest = url
        for scheme in schemes {
            guard let address = dropping(scheme, from: rest) else { continue }
            rest = address
            break
        }
        if rest.suffix(4).elementsEqual(".git".utf8) { rest = UnsafeRawBufferPointer(rebasing: rest.dropLast(4)) }
        for (host, provider) in hosts {
            guard let path = dropping(host, from: rest) else { continue }
            return path.count { $0 == UInt8(ascii: "/") } == 1 ? (provider, path) : nil
        }
        return nil
    }

    private static func dropping(
        _ prefix: StaticString,
        from text: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let count = prefix.utf8CodeUnitCount
        guard text.count >= count, let base = text.baseAddress, memcmp(base, prefix.utf8Start, count) == 0 else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: text[count...])
    }
}
