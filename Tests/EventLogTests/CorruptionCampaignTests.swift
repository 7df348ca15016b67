import EventLog
import FakeCircleCI
import TestSupport
import Testing

/// Every bit of a log, and two things at once that happen to its bytes.
struct CorruptionCampaignTests {
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

    private func change(_ sample: CorruptionSample, times: Int, seed: UInt64, round: Int) async throws {
        var generator = SeededGenerator(seed: seed &+ UInt64(round) &* 104_729)
        var segments = sample.segments
        var changes: [String] = []
        var mayLoseEnd = false
        for _ in 0..<times {
            guard let change = LogChange.allCases.randomElement(using: &generator),
                let segment = segments.keys.sorted().randomElement(using: &generator)
            else { continue }
            change.apply(to: &segments, segment, using: &generator)
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
