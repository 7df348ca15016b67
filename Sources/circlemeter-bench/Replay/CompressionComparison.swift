import EventLog
import Foundation
import Meter

/// Sealed segments compressed: what they take on the disk, and what making and replaying them costs, against plain ones.
struct CompressionComparison: Sendable {
    private static let storedBytesPerBodyByte = 0.2

    let program: Circlemeter
    let data: DataSet
    let rounds: Int

    /// Blocks.
    func run() throws -> Report.Section {
        let arguments = ["--json", "--data-dir", data.directory]
        var compressions: [Resources] = []
        var plain: [Resources] = []
        var compressed: [Resources] = []
        var outcome: [Double] = []
        var checks: [Report.Check] = []
        for round in 1...rounds {
            plain.append(try resources(["replay"] + arguments))
            compressions.append(try resources(["log", "compress"] + arguments))
            compressed.append(try resources(["replay"] + arguments))
            let sealed = try sealedSegments()
            outcome.append(Double(sealed.reduce(0) { $0 + $1.storedByteCount }) / Double(bodyByteCount(of: sealed)))
            if round == 1, let first = sealed.first { checks.append(try readability(of: first)) }
            Stage.note(
                "compression, round \(round) of \(rounds): \(Report.number(compressions[round - 1].seconds)) s, replay "
                    + "\(Report.number(plain[round - 1].seconds)) s plain, "
                    + "\(Report.number(compressed[round - 1].seconds)) s compressed"
            )
            _ = try program.output(["log", "expand"] + arguments)
        }
        let records = Double(data.recordCount)
        return Report.Section(
            title: "Compressed segments",
            conditions:
                "\(data.recordCount) records, all segments of the log but the newest compressed by log compress, which "
                + "reads each back and compares before the plain file goes; one core"
                + (Cores.isAvailable ? " by taskset" : " not seen to: no taskset here"),
            rows: [
                Report.Row(
                    name: "disk per event: sealed segments, compressed, to the raw bodies",
                    unit: "",
                    circlemeter: outcome,
                    aims: [.below(CompressionComparison.storedBytesPerBodyByte)]
                ),
                Report.Row(
                    name: "compressing: records",
                    unit: "/s",
                    circlemeter: compressions.map { records / $0.seconds }
                ),
                Report.Row(
                    name: "processor time of a replay of compressed segments, per record",
                    unit: "us",
                    circlemeter: compressed.map { $0.processorSeconds * 1e6 / records },
                    against: "plain ones",
                    other: plain.map { $0.processorSeconds * 1e6 / records }
                ),
            ],
            checks: checks
        )
    }

    private func resources(_ arguments: [String]) throws -> Resources {
        try Resources.of(program.path, arguments, cores: 1, stage: program.stage)
    }

    private func sealedSegments() throws -> ArraySlice<SegmentStatistics> {
        let sealed = try LogStatistics.read(directory: DataDirectory(data.directory).log).segments.dropLast()
        guard !sealed.isEmpty, sealed.allSatisfy({ $0.compressedByteCount != nil }) else {
            throw BenchFailure("not every sealed segment is compressed, or there is none: raise --records")
        }
        return sealed
    }

    /// Of what they hold; the records of a log are in the order of the deliveries but for those on their way together.
    private func bodyByteCount(of segments: ArraySlice<SegmentStatistics>) -> Int {
        data.bodyByteCount(ofFirst: segments.reduce(0) { $0 + $1.recordCount })
    }

    /// The segment as other programs read it: its lines are the header and the records, each JSON.
    private func readability(of segment: SegmentStatistics) throws -> Report.Check {
        let files = try FileManager.default.contentsOfDirectory(atPath: DataDirectory(data.directory).log)
        guard let file = files.filter({ $0.hasSuffix(".zst") }).min() else {
            throw BenchFailure("nothing is compressed")
        }
        let path = "\(DataDirectory(data.directory).log)/\(file)"
        let script = #"set -o pipefail; zstdcat "$1" | jq -c . | wc -l"#
        let output = try Command("/bin/bash", ["-c", script, "bash", path], stage: program.stage).output()
        let lineCount = Int(String(decoding: output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines))
        return Report.Check(
            name: "lines that zstdcat | jq read in the first segment = records and a header",
            found: lineCount ?? 0,
            expected: segment.recordCount + 1
        )
    }
}
