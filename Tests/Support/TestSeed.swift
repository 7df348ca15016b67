#if canImport(Glibc)
    import Glibc
#endif

/// The seeds of random tests. One number reproduces a whole run: `CIRCLEMETER_TEST_SEED=7 scripts/test`.
public enum TestSeed {
    /// The seed of one round of a random test.
    public static func of(round: UInt64) -> UInt64 { base &+ round }

    private static let base: UInt64 = {
        let given = getenv("CIRCLEMETER_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
        let base = given ?? UInt64.random(in: 0..<1_000_000_000)
        print("random tests: CIRCLEMETER_TEST_SEED=\(base)")
        return base
    }()
}
