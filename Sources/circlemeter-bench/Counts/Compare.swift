import ArgumentParser
import Foundation
import Meter

/// Two revisions side by side.
struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compare with another build: instructions, and times in turn."
    )

    @Option(name: .customLong("other-name"), help: "What the other build is of.")
    var otherName: String

    @Option(name: .customLong("other-builds"), help: "The folder of its circlemeter and circlemeter-bench.")
    var otherBuilds: String

    @Option(help: "How often each side is timed; they alternate.")
    var rounds = 3

    @OptionGroup var options: CountOptions
    @OptionGroup var tools: Tools

    func run() async throws {
        let stage = try Stage(under: tools.directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let revisions = [
            Revision(name: "circlemeter", circlemeter: tools.program(stage), bench: Circlemeter.thisProgram),
            Revision(
                name: otherName,
                circlemeter: Circlemeter(path: "\(otherBuilds)/circlemeter", stage: stage),
                bench: "\(otherBuilds)/circlemeter-bench"
            ),
        ]
        var report = Report(
            machine: Machine.this(directory: stage.directory),
            versions: try await onOwnThread("bench.versions") { try Versions.read(revisions[0].circlemeter) },
            rounds: rounds
        )
        report.sections = try await options.count(revisions, stage)
        let times = RevisionTimes(stage: stage, revisions: revisions, rounds: rounds, isQuick: options.quick)
        report.sections.append(try await times.run())
        print(options.json ? try report.json() : report.table)
        guard report.allChecksHold else { throw ExitCode(1) }
    }
}
