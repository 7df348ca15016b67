import FakeCircleCI
import TestSupport
import Testing
import Usage

struct NumberSetTests {
    @Test(arguments: 0..<50)
    func `it holds what was put in, in any order, and names what lies between`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        var set = NumberSet()
        var expected: Set<UInt32> = []
        for _ in 0..<300 {
            let number = UInt32.random(in: 1...200, using: &random)
            #expect(set.insert(number) == expected.insert(number).inserted, "seed \(seed)")
            #expect(zip(set.ranges, set.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
        }
        for number in UInt32(0)...202 { #expect(set.contains(number) == expected.contains(number), "seed \(seed)") }
        let between = (expected.min()!...expected.max()!).filter { !expected.contains($0) }
        #expect(set.gaps(limit: .max) == between, "seed \(seed)")
        #expect(set.gapCount == between.count, "seed \(seed)")
        #expect(set.gaps(limit: 3) == Array(between.prefix(3)), "seed \(seed)")
        #expect(set.maximum == expected.max(), "seed \(seed)")
        #expect(try NumberSet(encoded: set.encoded) == set, "seed \(seed)")
    }

    @Test func `bytes that are no set are refused`() {
        #expect(throws: UsageError.self) { try NumberSet(encoded: [2, 1, 1]) }
        #expect(throws: UsageError.self) { try NumberSet(encoded: [1, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]) }
    }
}
