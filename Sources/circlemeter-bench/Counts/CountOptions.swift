import ArgumentParser
import Meter

struct CountOptions: ParsableArguments {
    @Flag(help: "Small numbers.")
    var quick = false

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "Count this only: replay, delivery, settle, scan, sign or append; may be repeated.")
    var only: [HotPath] = []

    @Option(help: "How many of the functions that take most to show, for each path.")
    var functions = 0

    /// The first revision is held against the second, if there is one.
    func count(_ revisions: [Revision], _ stage: Stage) async throws -> [Report.Section] {
        let isQuick = quick
        let (counts, revisions) = try await onOwnThread("bench.counts") {
            let counts = try InstructionCounts(stage: stage, isQuick: isQuick)
            return (counts, try revisions.map(counts.countable))
        }
        try await counts.log.make()
        defer { try? counts.log.remove() }
        var total = Report.Section(
            title: "Instructions",
            conditions:
                "for each item, in user mode, counted by valgrind's cachegrind; the processor that it makes believe has no "
                + "instructions for SHA",
            rows: []
        )
        var sections: [Report.Section] = []
        for path in HotPath.allCases where only.isEmpty || only.contains(path) {
            let (functions, paths) = (functions, revisions)
            let (row, section) = try await onOwnThread("bench.counts") {
                try CountOptions.rows(path, paths, counts, functions: functions)
            }
            total.rows.append(row)
            if let section { sections.append(section) }
        }
        return [total] + sections
    }

    private static func rows(
        _ path: HotPath,
        _ revisions: [Revision],
        _ counts: InstructionCounts,
        functions count: Int
    ) throws -> (Report.Row, Report.Section?) {
        let mine = try counts.count(path, revisions[0])
        var theirs: [String: Double]?
        var row = Report.Row(name: path.name, unit: "instructions", circlemeter: [mine.values.reduce(0, +)])
        if let other = revisions.dropFirst().first {
            do {
                theirs = try counts.count(path, other)
            } catch let error as BenchFailure where path.isLoop {
                // A revision that did not have it yet.
                Stage.note("\(path.name) is not counted in \(other.name): \(error)")
                row.note = "not counted in \(other.name)"
            }
            if let theirs {
                row.against = other.name
                row.other = [theirs.values.reduce(0, +)]
            }
        }
        guard count > 0 else { return (row, nil) }
        let most = mine.sorted { $0.value > $1.value }.prefix(count)
        let names = try Demangling.names(most.map(\.key), stage: counts.stage)
        let section = Report.Section(
            title: path.name,
            conditions: "its functions by their own instructions, \(count) of \(mine.count)",
            rows: zip(most, names).map { function, name in
                Report.Row(
                    name: name,
                    unit: "",
                    circlemeter: [function.value],
                    against: row.against,
                    other: theirs.map { [$0[function.key] ?? 0] } ?? []
                )
            }
        )
        return (row, section)
    }
}

extension HotPath: ExpressibleByArgument {
    /// Done by circlemeter-bench itself.
    fileprivate var isLoop: Bool { [.scan, .sign, .append].contains(self) }
}
