extension [Double] {
    /// The middle value, or the mean of the two in the middle; 0 of none.
    var median: Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }
}
