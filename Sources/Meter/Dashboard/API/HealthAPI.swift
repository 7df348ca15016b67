import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Wire

/// `GET /healthz`, `/readyz` and `/metrics` of the dashboard's listener.
struct HealthAPI: Sendable {
    /// A snapshot further behind than this is not fresh.
    static let maximumLagSeconds = 60.0

    let parts: MeterParts

    func alive() -> Response { HealthAPI.status(.ok, "ok", reasons: []) }

    /// 200 where the log takes records, the snapshot keeps up with it and no connection is silent, 503 with the reasons otherwise.
    func ready() async -> Response {
        var reasons: [String] = []
        if parts.log.statistics.activity?.failing != nil { reasons.append("log_unavailable") }
        if parts.projector.published.position == nil, parts.log.durableEnd.sequence > 0 {
            reasons.append("snapshot_missing")
        }
        if parts.projector.lag.seconds > HealthAPI.maximumLagSeconds { reasons.append("snapshot_behind") }
        for (id, health) in await parts.circleci.monitor.all.sorted(by: { $0.key < $1.key })
        where health.all.contains(where: { $0.state == .silent }) {
            reasons.append("webhooks_silent:\(id)")
        }
        return HealthAPI.status(
            reasons.isEmpty ? .ok : .serviceUnavailable,
            reasons.isEmpty ? "ready" : "not_ready",
            reasons: reasons
        )
    }

    func metrics() async throws -> Response {
        let statistics = parts.log.statistics
        let metrics = LogMetrics(parts.registry)
        let end = parts.log.durableEnd
        metrics.log(
            sequence: end.sequence,
            segmentCount: statistics.segments.count,
            sizeBytes: statistics.storedByteCount,
            queuedBytes: statistics.activity?.queuedBytes ?? 0
        )
        metrics.projection(
            lagRecords: max(0, end.sequence - (parts.projector.published.position?.sequence ?? 0)),
            lagSeconds: parts.projector.lag.seconds
        )
        if let ahead = parts.circleci.clock.aheadSeconds { parts.circleci.metrics.clock(aheadSeconds: ahead) }
        let now = Timestamp.now
        for status in try await ConnectionStatus.all(parts) {
            let id = status.connection.id
            if let health = await parts.circleci.monitor.health(of: id) {
                parts.circleci.metrics.connection(id, health: health, at: now)
            }
            parts.circleci.metrics.coverage(
                id,
                reconciledThrough: status.reconciledThrough,
                settledThrough: status.settledThrough,
                missingCount: status.missing.count
            )
        }
        let text = parts.registry.exposition()
        return Response(
            status: .ok,
            headers: [.contentType: OpenMetricsRegistry.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }

    private static func status(_ status: HTTPResponse.Status, _ word: String, reasons: [String]) -> Response {
        var json = JSONWriter()
        json.object { json in
            json.member("status", word)
            if !reasons.isEmpty {
                json.member(
                    "reasons",
                    array: { json in
                        for reason in reasons { json.string(reason) }
                    }
                )
            }
        }
        return .json(status, json.bytes + [UInt8(ascii: "\n")])
    }
}
