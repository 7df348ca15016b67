import EventLog
import FakeCircleCI
import TestSupport
import Testing

/// Every bit of a log, and two things at once that happen to its bytes.
struct CorruptionCampaignTests {
    private enum Change: CaseIterable {
        case bit, newline, zeros, lineLost, lineTwice, linesSwapped, cut, segmentLost, garbage

        /// Whether bytes go that may be the end of the log.
        var shortens: Bool {
            switch self {
            case .bit, .newline, .lineTwice, .garbage: false
            // Zeros say as little of what they were as missing bytes.
            case .zeros, .lineLost, .linesSwapped, .cut, .segmentLost: true
            }
        }
    }

    /// Each bit is noticed, costs its record alone, and is named with segment, line and byte.
    private func flipEveryBit(_ sample: CorruptionSample, seed: UInt64, _ campaign: Campaign) throws {
        for (segment, bytes) in sample.segments.sorted(by: { $0.key < $1.key }) {
            let path = sample.fixture.path(segment)
            var line = 1
            var start = 0
            for offset in bytes.indices {
                for bit in 0..<8 {
                    Files.patch(path, at: offset, bytes[offset] ^ 1 << bit)
                    let reading = try sample.fixture.read()
                    let what = "seed \(seed), segment \(segment), byte \(offset), bit \(bit)"
                    sample.expectReported(reading, what)
                    sample.expectLittleLost(reading, segment: segment, offset: offset, what)
                    let reports = reading.damages + [reading.tornTail].compactMap { $0 }
                    let first = try #require(reports.first, "\(what): not noticed")
                    #expect(
                        first.segment == segment && first.line == line && first.offset == start,
                        "\(what): \(first)"
                    )
                    if let torn = reading.tornTail {
                        #expect((torn.sequences?.lowerBound ?? 0) >= sample.lastBatch.lowerBound, "\(what): \(torn)")
                    }
                    campaign.count("bits")
                }
                Files.patch(path, at: offset, bytes[offset])
                if bytes[offset] == UInt8(ascii: "\n") {
                    line += 1
                    start = offset + 1
                }
            }
        }
    }

    private func apply(
        _ change: Change,
        to segments: inout [Int: [UInt8]],
        _ segment: Int,
        using generator: inout SeededGenerator
    ) {
        guard var bytes = segments[segment], !bytes.isEmpty else { return }
        let place = Int.random(in: bytes.indices, using: &generator)
        var lines = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
        let line = Int.random(in: lines.indices, using: &generator)
        switch change {
        case .bit: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case .newline: bytes[place] = UInt8(ascii: "\n")
        case .zeros:
            let start = place / 512 * 512
            for index in start..<min(bytes.count, start + 512) { bytes[index] = 0 }
        case .lineLost:
            lines.remove(at: line)
            bytes = Array(lines.joined())
        case .lineTwice:
            lines.insert(lines[line], at: line)
            bytes = Array(lines.joined())
        case .linesSwapped:
            lines.swapAt(line, (line + 1) % lines.count)
            bytes = Array(lines.joined())
        case .cut: bytes.removeSubrange(place...)
        case .garbage:
            let garbage = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            bytes.insert(contentsOf: garbage, at: place)
        case .segmentLost:
            segments[segment] = nil
            return
        }
        segments[segment] = bytes
    }

    private func change(_ sample: CorruptionSample, times: Int, seed: UInt64, round: Int) async throws {
        var generator = SeededGenerator(seed: seed &+ UInt64(round) &* 104_729)
        var segments = sample.segments
        var changes: [String] = []
        var mayLoseEnd = false
        for _ in 0..<times {
            guard let change = Change.allCases.randomElement(using: &generator),
                let segment = segments.keys.sorted().randomElement(using: &generator)
            else { continue }
            apply(change, to: &segments, segment, using: &generator)
            changes.append("\(change) in segment \(segment)")
            mayLoseEnd = mayLoseEnd || change.shortens && segment == sample.lastSegment
        }
        guard !segments.isEmpty else { return }
        let what = "seed \(seed), round \(round): \(changes.joined(separator: ", "))"
        try await sample.check(sample.make(segments), mayLoseEnd: mayLoseEnd, mayTear: true, what)
    }

    @Test func `every bit that flips is noticed and named, and so are two changes at once`() async throws {
        let campaign = Campaign("log-corruption", unit: "seeds", short: 1)
        while let seed = campaign.nextSeed() {
            let sample = try await CorruptionSample(seed: seed)
            try flipEveryBit(sample, seed: seed, campaign)
            for round in 0..<60 {
                try await change(sample, times: 1 + round % 3, seed: seed, round: round)
                campaign.count("changes")
            }
        }
        campaign.finish()
    }
}
