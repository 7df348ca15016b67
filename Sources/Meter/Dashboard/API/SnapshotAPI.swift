import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Usage
import Wire

/// `GET /api/v1/snapshot`: the canonical snapshot, whole or for a connection and a range of days.
struct SnapshotAPI: Sendable {
    let published: PublishedSnapshot

    func add(to router: RouterGroup<some RequestContext>) {
        router.get("snapshot") { request, _ in try await respond(to: request) }
    }

    /// The `ETag` names the log position, so polling costs nothing while nothing has changed.
    private func respond(to request: Request) async throws -> Response {
        let filter = try SnapshotFilter(try ReportsAPI.givenValues(of: request))
        let known = request.headers[.ifNoneMatch]
        if EntityTag.matches(known, published.tag) { return notModified(published.tag) }
        let tag: String
        let bytes: [UInt8]
        if filter == SnapshotFilter() {
            (tag, bytes) = try await published.canonicalBytes()
        } else {
            let snapshot = try await published.snapshot(filter)
            tag = snapshot.tag
            bytes = snapshot.canonicalBytes()
        }
        var response = Response.json(.ok, bytes + [UInt8(ascii: "\n")])
        response.headers[.eTag] = EntityTag.header(tag)
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    private func notModified(_ tag: String) -> Response {
        Response(
            status: .notModified,
            headers: [.eTag: EntityTag.header(tag), .cacheControl: "private, no-cache"]
        )
    }
}

/// Strong entity tags (RFC 9110, section 8.8.3).
enum EntityTag {
    static func header(_ tag: String) -> String { "\"\(tag)\"" }

    /// Whether an `If-None-Match` header names `tag`.
    static func matches(_ header: String?, _ tag: String) -> Bool {
        guard let header else { return false }
        return header.split(separator: ",").contains { candidate in
            var candidate = candidate.trimmingPrefix { $0 == " " }
            while candidate.last == " " { candidate.removeLast() }
            if candidate.hasPrefix("W/") { candidate = candidate.dropFirst(2) }
            return candidate == "*" || candidate == "\"\(tag)\""
        }
    }
}

extension Snapshot {
    /// Names what the snapshot counts: position, reducer, and how it calls persons unless that is as the log does.
    var tag: String {
        Snapshot.tag(
            sequence: position?.sequence,
            crc: position?.crc,
            reducer: reducerVersion,
            people: personPolicy
        )
    }

    static func tag(sequence: Int?, crc: UInt32?, reducer: Int, people: String) -> String {
        "\(sequence ?? 0)-\(Hex.string(crc ?? 0))-r\(reducer)" + (people == plainPersonPolicy ? "" : "-\(people)")
    }
}

extension SnapshotFilter {
    /// - Parameter values: `connection`, `from` and `to`, days as `YYYY-MM-DD`.
    /// - Throws: `invalid_parameter`, which names it.
    init(_ values: [String: String]) throws(MeterError) {
        var parameters = ReportParameters(values)
        self.init(
            connection: try parameters.connection(),
            from: try SnapshotFilter.day("from", &parameters),
            to: try SnapshotFilter.day("to", &parameters)
        )
        try parameters.refuseOthers()
        if let from, let to, to < from { throw ReportParameters.invalid("to", "It is before 'from'") }
    }

    private static func day(_ name: String, _ parameters: inout ReportParameters) throws(MeterError) -> Day? {
        guard let text = parameters.text(name) else { return nil }
        guard let day = Day(text) else {
            throw ReportParameters.invalid(name, "It is no day", hint: "a day as 2026-11-01")
        }
        return day
    }
}
