import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Wire

/// `POST /api/v1/replay`: makes the snapshot anew. The answer is a JSON object on each line while it goes on,
/// `{"sequence","bytes","total_bytes"}`, and at the end `{"status":"done","sequence"}` or `{"error"}`.
struct ReplayAPI: Sendable {
    let projector: Projector

    func add(to router: RouterGroup<some RequestContext>) {
        router.post("replay") { _, _ in respond() }
    }

    private func respond() -> Response {
        let projector = projector
        let (steps, continuation) = AsyncThrowingStream.makeStream(
            of: ReplayProgress.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let work = Task {
            do {
                try await projector.rebuild { continuation.yield($0) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        return Response(
            status: .ok,
            headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                do {
                    for try await step in steps {
                        try await writer.write(
                            ReplayAPI.line { json in
                                json.member("sequence", step.sequence)
                                json.member("bytes", step.bytes)
                                json.member("total_bytes", step.totalBytes)
                            }
                        )
                    }
                    try await writer.write(
                        ReplayAPI.line { json in
                            json.member("status", "done")
                            json.member("sequence", projector.published.position?.sequence ?? 0)
                        }
                    )
                } catch {
                    // The status line has gone out, so the error travels as the last line.
                    try await writer.write(ByteBuffer(bytes: HTTPProblem(error).body + [UInt8(ascii: "\n")]))
                }
                await work.value
                try await writer.finish(nil)
            }
        )
    }

    private static func line(_ members: (inout JSONWriter) -> Void) -> ByteBuffer {
        var json = JSONWriter()
        json.object(members)
        return ByteBuffer(bytes: json.bytes + [UInt8(ascii: "\n")])
    }
}
