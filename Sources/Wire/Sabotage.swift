#if SABOTAGE
    import Glibc

    /// Bugs that are planted to see the suites notice them: Tests/Sabotage/README.md. An ordinary build has none of it.
    public enum Sabotage {
        private static let planted = getenv("CIRCLEMETER_PLANTED").map { String(cString: $0) }

        /// Whether `CIRCLEMETER_PLANTED` names this bug. A program has one at a time.
        public static func plants(_ name: String) -> Bool { planted == name }
    }
#endif
