import Foundation

/// A line on the terminal that shows how far a long work is. Silent where no terminal is, and for work of under a second.
struct ProgressBar {
    private let label: String
    private let clock = ContinuousClock()
    private let started: ContinuousClock.Instant
    private var drawn: ContinuousClock.Instant
    private var isDrawn = false

    init(_ label: String) {
        self.label = label
        started = clock.now
        drawn = started
    }

    /// - Parameters:
    ///   - done: of `total`, in any unit.
    ///   - detail: what else to show, such as a rate.
    mutating func update(done: Int, total: Int, detail: @autoclosure () -> String = "") {
        let now = clock.now
        guard Console.isTerminal, now - started > .seconds(1), now - drawn > .milliseconds(100) else { return }
        drawn = now
        isDrawn = true
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 1
        let width = 30
        let filled = Int(share * Double(width))
        let elapsed = Double((now - started).components.seconds) + 1
        let rest = share > 0.01 ? " \(Int(elapsed / share - elapsed)) s left" : ""
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        Console.status("\r\u{1b}[K\(label) [\(bar)] \(Int(share * 100)) %\(rest) \(detail())")
    }

    mutating func end() {
        if isDrawn { Console.status("\r\u{1b}[K") }
        isDrawn = false
    }
}
