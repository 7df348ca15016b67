import FakeCircleCI
import NIOHTTP1

@testable import CircleCI

/// A made-up server that counts calls in fixed windows of its own, and callers behind a gate, in made-up time.
struct LimitSimulation {
    private struct Window {
        var name: RateWindowName
        var limit: Int
        var length: Double
        /// Where the first window begins, before the start.
        var phase: Double
        var statesLimit: Bool
        var statesReset: Bool
        var roundsUp: Bool
        var count = 0
        var index = 0
    }

    private enum Event {
        /// The server counts the call, and answers.
        case count(CallTicket)
        case answer(CallTicket, status: Int?, HTTPHeaders)
        case look
    }

    let concurrency: Int
    private(set) var excess: [String] = []
    private(set) var sent = 0
    private(set) var mostAtATime = 0
    private var normals = 0
    private let calls: Int
    private let loss: Double
    private let latency: Double
    private var gate: CallGate
    private var windows: [Window] = []
    private var events: [(at: Double, event: Event)] = []
    private var now = 0.0
    private var lookAt: Double?
    private var random: SeededGenerator
    private let origin = ContinuousClock.now

    var elapsed: Duration { .seconds(now) }

    /// - Parameter only: The limit of the only window, of a minute, all of which is stated; nil for windows by chance.
    init(seed: UInt64, calls: Int, only limit: Int? = nil) {
        random = SeededGenerator(seed: seed)
        concurrency = Int.random(in: 1...6, using: &random)
        self.calls = calls
        loss = limit == nil ? [0, 0, 0.05].randomElement(using: &random)! : 0
        latency = [0.01, 0.3, 5].randomElement(using: &random)!
        gate = CallGate(
            options: APIBudget.Options(
                concurrency: concurrency,
                reserve: Int.random(in: 0...8, using: &random),
                callsPerSecond: limit == nil ? [nil, 10, 50].randomElement(using: &random)! : nil
            ),
            random: SeededGenerator(seed: seed)
        )
        if let limit {
            windows = [window(.minute, limit, 60)]
            windows[0].statesLimit = true
            windows[0].statesReset = true
        } else {
            for (name, limits, length) in [
                (RateWindowName.second, 2...20, 1.0), (.minute, 5...200, 60), (.hour, 100...1000, 3600),
                (.unnamed, 3...100, Double.random(in: 2...60, using: &random)),
            ] where Bool.random(using: &random) {
                windows.append(window(name, Int.random(in: limits, using: &random), length))
            }
        }
    }

    private mutating func window(_ name: RateWindowName, _ limit: Int, _ length: Double) -> Window {
        Window(
            name: name,
            limit: limit,
            length: length,
            phase: Double.random(in: 0..<length, using: &random),
            statesLimit: Double.random(in: 0..<1, using: &random) < 0.7,
            statesReset: Double.random(in: 0..<1, using: &random) < 0.7,
            roundsUp: Bool.random(using: &random)
        )
    }

    mutating func run() {
        look()
        var steps = 0
        while !events.isEmpty, steps < 100_000 {
            steps += 1
            let next = events.indices.min { events[$0].at < events[$1].at }!
            let (at, event) = events.remove(at: next)
            now = max(now, at)
            switch event {
            case .count(let ticket): count(ticket)
            case .answer(let ticket, let status, let headers):
                if !ticket.isProbe { normals -= 1 }
                gate.end(
                    ticket,
                    status: status,
                    told: RateHeaders(headers).windows,
                    retryAfter: nil,
                    at: instant
                )
                look()
            case .look:
                if let lookAt, lookAt <= now { self.lookAt = nil }
                look()
            }
        }
    }

    private var instant: ContinuousClock.Instant { origin + .seconds(now) }

    /// Lets out what the gate lets out; a probe tries its luck now and then.
    private mutating func look() {
        // The first call says what the limits are; a probe beside it would be one that nobody can forbid.
        if sent > 0, Int.random(in: 0..<10, using: &random) == 0, case .go(let ticket) = gate.admit(.probe, at: instant)
        {
            leave(ticket)
        }
        while sent < calls {
            switch gate.admit(.normal, at: instant) {
            case .go(let ticket):
                sent += 1
                normals += 1
                mostAtATime = max(mostAtATime, normals)
                leave(ticket)
            case .wait(_, let until):
                // A bit later, as the conversion rounds; no second look where one is due before that.
                if let at = until.map({ ($0 - origin) / .seconds(1) + 1e-6 }), lookAt.map({ at < $0 }) ?? true {
                    lookAt = at
                    events.append((at, .look))
                }
                return
            }
        }
    }

    private mutating func leave(_ ticket: CallTicket) {
        events.append((now + delay(), .count(ticket)))
    }

    private mutating func delay() -> Double { Double.random(in: 0...latency, using: &random) }

    private mutating func count(_ ticket: CallTicket) {
        var headers = HTTPHeaders()
        for index in windows.indices {
            var window = windows[index]
            let position = Int((now + window.phase) / window.length)
            if position != window.index { (window.index, window.count) = (position, 0) }
            window.count += 1
            if window.count > window.limit {
                excess.append("\(window.name) at \(now): \(window.count)/\(window.limit)")
            }
            windows[index] = window
            let left = Double(position + 1) * window.length - window.phase - now
            headers.add(name: window.name.header("remaining"), value: "\(max(0, window.limit - window.count))")
            if window.statesLimit { headers.add(name: window.name.header("limit"), value: "\(window.limit)") }
            if window.statesReset {
                let reset = window.roundsUp ? left.rounded(.up) : left.rounded(.down)
                headers.add(name: window.name.header("reset"), value: "\(Int(reset))")
            }
        }
        let isLost = Double.random(in: 0..<1, using: &random) < loss
        events.append((now + delay(), .answer(ticket, status: isLost ? nil : 200, isLost ? [:] : headers)))
    }
}
