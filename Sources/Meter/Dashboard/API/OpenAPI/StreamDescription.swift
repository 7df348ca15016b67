/// `GET /api/v1/stream`.
enum StreamDescription {
    static let operation = OpenAPIOperation(
        path: "/api/v1/stream",
        id: "stream",
        tag: "snapshot",
        summary: "An event whenever there is a new snapshot",
        text: """
            Server-sent events: first `retry: 2000`, then for each snapshot `id` (the tag that the snapshot's ETag \
            holds), `event: snapshot` and `data: {"sequence","crc"}`, the log position. A slow reader gets the newest \
            only. `event: connections` says that a connection's state has changed. It ends after an hour and when the \
            service stops; the first event is left out where `Last-Event-ID` names the present tag.
            """,
        answers: [.init(status: 200, text: "The events.", content: [("text/event-stream", .string)])]
    )
}
