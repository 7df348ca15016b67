import ArgumentParser
import Foundation
import Meter

/// Instructions where time is too noisy.
struct Counts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counts",
        abstract: "Count the instructions of hot paths, for each item.",
        discussion: """
            Each program runs under valgrind with a small and a large number of items; the difference is what the items \
            cost. Counts hardly move, however busy the machine is.
            """
    )

    @OptionGroup var options: CountOptions
    @OptionGroup var tools: Tools

    func run() async throws {
        let stage = try Stage(under: tools.directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let revision = Revision(
            name: "circlemeter",
            circlemeter: tools.program(stage),
            bench: Circlemeter.thisProgram
        )
        var report = Report(
            machine: Machine.this(directory: stage.directory),
            versions: try await onOwnThread("bench.versions") { try Versions.read(revision.circlemeter) },
            rounds: 1
        )
        report.sections = try await options.count([revision], stage)
        print(options.json ? try report.json() : report.table)
    }
}
