import CircleCI
import Usage
import Wire

/// A body is an event exactly if it is one JSON object; the event says what the object says; and whatever it says, the
/// counters are the same once it came twice, from two sources, in any order, with a restart in between.
enum EventTarget {
    static func check(_ body: UnsafeRawBufferPointer) throws {
        let isObject = JSONScanner.isObject(body)
        guard let event = try? EventScanner.event(in: body) else {
            return try require(!isObject, "an object is no event")
        }
        try require(isObject, "an event is no object")
        try checkTexts(event, in: body)
        try checkCounters(event, in: body)
    }

    private static func checkTexts(_ event: Event, in body: UnsafeRawBufferPointer) throws {
        let tree = try JSONTree(body)
        // Of two members of one name, those of the first that the second lacks count too; a name with escapes does not.
        guard !tree.repeatsNames, !body.contains(UInt8(ascii: "\\")) else { return }
        let texts: [(JSONText?, [String])] = [
            (event.id, ["id"]), (event.type, ["type"]), (event.webhookID, ["webhook", "id"]),
            (event.project.id, ["project", "id"]), (event.project.slug, ["project", "slug"]),
            (event.workflow.id, ["workflow", "id"]), (event.workflow.status, ["workflow", "status"]),
            (event.job.id, ["job", "id"]), (event.job.name, ["job", "name"]), (event.job.status, ["job", "status"]),
            (event.pipeline.id, ["pipeline", "id"]), (event.pipeline.triggerType, ["pipeline", "trigger", "type"]),
        ]
        for (text, path) in texts {
            let found = path.reduce(JSONTree?.some(tree)) { $0?[$1] }
            try require(
                text.map { Array($0.raw(in: body)) } == found?.text,
                "\(path.joined(separator: ".")) is not what the body says"
            )
        }
    }

    private static func checkCounters(_ event: Event, in body: UnsafeRawBufferPointer) throws {
        let source = event.kind.source ?? .webhook
        let once = try counted(event, body, [source])
        try once.withUnsafeBytes { try require(JSONScanner.isObject($0), "the snapshot is no JSON") }
        try require(try counted(event, body, [source, source]) == once, "another snapshot when it came twice")
        guard event.kind.source == nil else { return }
        try require(
            try counted(event, body, [.webhook, .api]) == counted(event, body, [.api, .webhook]),
            "another snapshot in another order"
        )
    }

    /// The snapshot after the event came from each of the sources, with a restart behind each.
    private static func counted(
        _ event: Event,
        _ body: UnsafeRawBufferPointer,
        _ sources: [RecordSource]
    ) throws -> [UInt8] {
        var tables = UsageTables()
        for source in sources {
            var reducer = try Reducer(storage: tables)
            try Array("acme".utf8).withUnsafeBytes { connection in
                _ = try reducer.fold(event, in: body, connection: connection, source: source, storage: tables)
            }
            tables.apply(reducer.takeChanges())
        }
        return tables.snapshot(position: nil).canonicalBytes()
    }
}
