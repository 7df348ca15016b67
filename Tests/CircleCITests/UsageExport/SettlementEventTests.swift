import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import CircleCI

/// The event of a row, byte for byte, against one that ``JSONWriter`` writes of the same values.
struct SettlementEventTests {
    private static let texts = [
        "", "plain", "two words", "a,b", "say \"x\"", "back\\slash", "line\nend", "\u{1}\u{7f}", "ü→🚀", "\t", "/",
        String(repeating: "long ", count: 60),
    ]
    private static let urls: [(url: String, slug: String?)] = [
        ("https://github.com/o/r", "github/o/r"), ("https://github.com/o/r.git", "github/o/r"),
        ("http://bitbucket.org/o/r", "bitbucket/o/r"), ("//circleci.com/o/r", "circleci/o/r"),
        ("github.com/o/r", "github/o/r"), ("https://github.com/o", nil), ("https://github.com/o/r/x", nil),
        ("https://example.com/o/r", nil), ("https://github.com/ö/\"r\"", "github/ö/\"r\""), (".git", nil), ("//", nil),
        ("https://https://github.com/o/r", nil),
    ]
    private static let times = ["2026-09-01 10:00:00", "1999-12-31 23:59:59.999", "2024-02-29 00:00:00.001"]
    private static let exportedAt = Timestamp("2026-10-20T06:00:00.123Z")!

    private struct World {
        var cells: [(column: String, text: String?)] = []
        var slug: String?

        subscript(column: String) -> String? {
            cells.first { $0.column == column }?.text.flatMap { $0.isEmpty ? nil : $0 }
        }
    }

    @Test(arguments: 0..<150)
    func `an event is what the row says, whatever it says`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let world = SettlementEventTests.world(&generator)
        let csv = [world.cells.map(\.column), world.cells.map { SettlementEventTests.written($0.text) }]
            .map { $0.joined(separator: ",") + "\n" }.joined()
        let reader = try UsageExportReader(name: "e", read: source(Array(csv.utf8), chunk: 1 << 12))
        #expect(try reader.next(), "seed \(seed)")
        let event = SettlementEvent(reader, exportedAt: SettlementEventTests.exportedAt)
        let expected = SettlementEventTests.expected(world)
        #expect(String(decoding: event.body, as: UTF8.self) == expected.body, "seed \(seed)")
        #expect(event.contentID == expected.contentID, "seed \(seed)")
    }

    private static func world(_ generator: inout SeededGenerator) -> World {
        let isPlain = Bool.random(using: &generator)
        let texts = isPlain ? ["plain", "two words", ""] : texts
        var world = World()
        let others = ["carbon_grams", "NOTE \"q\"", "ÄRGER"].filter { _ in Bool.random(using: &generator) }
        let features = ["GPU_CREDITS"].filter { _ in Bool.random(using: &generator) }
        let optional: Set<String> = ["VCS_URL", "PARALLELISM", "WORKFLOW_ID", "ORGANIZATION_ID", "ORGANIZATION_NAME"]
        let left = optional.filter { _ in Int.random(in: 0..<4, using: &generator) == 0 }
        let columns = (FakeUsageExport.columns.filter { !left.contains($0) } + others + features)
        for column in columns.shuffled(using: &generator) {
            let isMissing = Int.random(in: 0..<6, using: &generator) == 0
            var text: String? = isMissing ? nil : texts.randomElement(using: &generator)
            switch column {
            case "JOB_ID", "PROJECT_ID": text = text.flatMap { $0.isEmpty ? nil : $0 } ?? "7a3c"
            case "VCS_URL":
                let (url, slug) = urls.randomElement(using: &generator)!
                let isASCII = url.utf8.allSatisfy { $0 < 0x80 && $0 != 0x22 }
                text = isMissing || isPlain && !isASCII ? nil : url
                world.slug = text == nil ? nil : slug
            case "PIPELINE_CREATED_AT": text = times.randomElement(using: &generator)
            case _ where column.hasSuffix("_AT"): text = isMissing ? nil : times.randomElement(using: &generator)
            case "IS_UNREGISTERED_USER": text = isMissing ? nil : ["true", "false"].randomElement(using: &generator)
            case "PIPELINE_NUMBER", "JOB_RUN_NUMBER", "PARALLELISM", "JOB_RUN_SECONDS",
                _ where column.hasSuffix("_CREDITS") || column.hasSuffix("_PCT"):
                text = isMissing ? nil : ["0", "1", "17", "-3", "900000000"].randomElement(using: &generator)
            default: break
            }
            world.cells.append((column, text))
        }
        return world
    }

    private static func written(_ text: String?) -> String {
        guard let text else { return "\\N" }
        let isPlain = text.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x22 && $0 != 0x5c && $0 != 0x2c }
        let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\"\"")
        return isPlain ? text : "\"\(escaped)\""
    }

    private static func expected(_ world: World) -> (body: String, contentID: UInt128) {
        var json = JSONWriter()
        json.object { json in write(world, to: &json) }
        let contentID = json.bytes.withUnsafeBytes { ContentDigest().half($0) }
        json.removeAll()
        json.object { json in
            write(world, to: &json)
            json.member("id", "export-\(Hex.string(contentID))")
            json.member("exported_at", exportedAt.description)
        }
        return (String(decoding: json.bytes, as: UTF8.self), contentID)
    }

    /// A member of an object: its name, and what writes its value.
    private typealias Member = (name: String, value: (inout JSONWriter) -> Void)

    private static func part(_ name: String, _ members: [Member]) -> [Member] {
        guard !members.isEmpty else { return [] }
        return [(name, { json in json.object { json in add(members, to: &json) } })]
    }

    private static func add(_ members: [Member], to json: inout JSONWriter) {
        for (name, value) in members {
            json.name(name)
            value(&json)
        }
    }

    private static func write(_ world: World, to json: inout JSONWriter) {
        func time(_ column: String) -> Timestamp? { world[column].flatMap { Timestamp($0) } }
        func text(_ name: String, _ column: String) -> [Member] {
            guard let text = world[column] else { return [] }
            return [(name, { json in json.string(text) })]
        }
        func number(_ name: String, _ column: String, _ scale: Int64) -> [Member] {
            guard let number = world[column].flatMap({ Int64($0) }) else { return [] }
            return [(name, { json in json.integer(number * scale) })]
        }
        func instant(_ name: String, _ column: String) -> [Member] {
            guard let time = time(column) else { return [] }
            return [(name, { json in json.string(time.description) })]
        }
        let happenedAt =
            time("JOB_RUN_STOPPED_AT") ?? time("JOB_RUN_STARTED_AT") ?? time("JOB_RUN_QUEUED_AT")
            ?? time("PIPELINE_CREATED_AT")!
        json.member("type", "job-settled")
        json.member("happened_at", happenedAt.description)
        var project = text("id", "PROJECT_ID")
        if let slug = world.slug { project.append(("slug", { json in json.string(slug) })) }
        project += text("name", "PROJECT_NAME")
        var job = text("id", "JOB_ID") + text("name", "JOB_NAME") + number("number", "JOB_RUN_NUMBER", 1)
        job += text("status", "JOB_BUILD_STATUS")
        job += instant("started_at", "JOB_RUN_STARTED_AT") + instant("stopped_at", "JOB_RUN_STOPPED_AT")
        var vcs = text("provider_name", "VCS_NAME") + text("target_repository_url", "VCS_URL")
        vcs += text("branch", "VCS_BRANCH")
        var pipeline = text("id", "PIPELINE_ID") + number("number", "PIPELINE_NUMBER", 1)
        pipeline += instant("created_at", "PIPELINE_CREATED_AT")
        pipeline += part("trigger", text("type", "PIPELINE_TRIGGER_SOURCE")) + part("vcs", vcs)
        var workflow = text("id", "WORKFLOW_ID") + text("name", "WORKFLOW_NAME")
        workflow += instant("stopped_at", "WORKFLOW_STOPPED_AT")
        var members = part("organization", text("id", "ORGANIZATION_ID") + text("name", "ORGANIZATION_NAME"))
        members += part("project", project) + part("workflow", workflow) + part("job", job)
        members += part("pipeline", pipeline) + part("usage", usage(world, text, number, instant))
        let known = Set(FakeUsageExport.columns + ["GPU_CREDITS"])
        var others: [Member] = []
        for (column, text) in world.cells where !known.contains(column) {
            if let text { others.append((column.uppercased(), { json in json.string(text) })) }
        }
        add(members + part("columns", others), to: &json)
    }

    private static func usage(
        _ world: World,
        _ text: (String, String) -> [Member],
        _ number: (String, String, Int64) -> [Member],
        _ instant: (String, String) -> [Member]
    ) -> [Member] {
        var usage = text("resource_class", "RESOURCE_CLASS") + text("executor", "EXECUTOR")
        usage += text("operating_system", "OPERATING_SYSTEM") + number("parallelism", "PARALLELISM", 1)
        usage += number("seconds", "JOB_RUN_SECONDS", 1) + instant("queued_at", "JOB_RUN_QUEUED_AT")
        var credits: [Member] = []
        for (column, text) in world.cells where column.hasSuffix("_CREDITS") && column != "TOTAL_CREDITS" {
            guard let value = text.flatMap({ Int64($0) }), value != 0 else { continue }
            credits.append((column.dropLast("_CREDITS".count).lowercased(), { json in json.integer(value * 1000) }))
        }
        let total = world["TOTAL_CREDITS"].flatMap { Int64($0) } ?? 0
        credits.append(("total", { json in json.integer(total * 1000) }))
        usage += part("credits", credits)
        for (name, measure) in [("cpu", "CPU"), ("ram", "RAM")] {
            usage += part(
                name,
                number("median", "MEDIAN_\(measure)_UTILIZATION_PCT", 100)
                    + number("max", "MAX_\(measure)_UTILIZATION_PCT", 100)
            )
        }
        var user = text("id", "PIPELINE_TRIGGER_USER_ID")
        if let flag = world["IS_UNREGISTERED_USER"] {
            user.append(("unregistered", { json in json.bool(flag == "true") }))
        }
        return usage + part("user", user)
    }
}
