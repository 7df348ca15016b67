import FakeCircleCI
import TestSupport
import Testing

@testable import Usage

/// Texts are ordered by their bytes, so that every machine sorts alike and no two texts become one key.
struct StringBytesTests {
    /// With forms that Swift's own comparison takes for the same, prefixes of each other, zero bytes, all lengths of UTF-8,
    /// and more than a small string holds.
    private static let pieces = [
        "", "a", "b", "\u{0}", "e\u{301}", "\u{e9}", "\u{7f}", "\u{80}", "\u{ffff}", "\u{10000}", "project-of-fifteen",
        "-",
    ]

    @Test(arguments: 0..<20)
    func `texts are ordered as their bytes are`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        func text() -> String {
            (0..<Int.random(in: 0..<4, using: &random)).map { _ in
                StringBytesTests.pieces.randomElement(using: &random)!
            }
            .joined()
        }
        for _ in 0..<200 {
            let (first, second) = (text(), text())
            let (mine, theirs) = (Array(first.utf8), Array(second.utf8))
            #expect(first.precedesInBytes(second) == mine.lexicographicallyPrecedes(theirs), "seed \(seed)")
            #expect(first.hasBytes(of: second) == (mine == theirs), "seed \(seed)")
            #expect([first, second].precedesInBytes([second, first]) == first.precedesInBytes(second), "seed \(seed)")
            #expect(["x", first].hasBytes(of: ["x", second]) == (mine == theirs), "seed \(seed)")
        }
    }

    @Test func `one text fewer is another list`() {
        #expect(!["a"].hasBytes(of: ["a", ""]))
        #expect(!["a", ""].precedesInBytes(["a"]))
    }
}
