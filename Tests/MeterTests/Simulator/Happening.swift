import FakeCircleCI
import Wire

/// What happens in a simulation, at an instant of the true time.
enum Happening: Sendable {
    /// CircleCI sends a delivery, by its place in the history, for the first time.
    case send(Int)
    /// It arrives, signed when it was sent.
    case arrive(Int, signature: String, connection: String, attempt: Int)
    case pass
    /// The process dies at the call after so many.
    case die(calls: Int, losesPower: Bool)
    case start
    case restart
    case disk(SimulatedDisk.Trouble)
    case api(FakeAPIFaults, SimulatedNetwork.Trouble)
    /// The service's clock is wrong by so much from now on.
    case clock(seconds: Int64)
    case revoke(organization: Int)
    case reconnect(organization: Int)
    case rotate(organization: Int, attempt: Int)
    case rebuild

    var isDelivery: Bool {
        switch self {
        case .send, .arrive: true
        default: false
        }
    }
}

/// What is to happen, in the order of time and, at one instant, of planning.
struct Agenda: Sendable {
    private struct Entry: Sendable {
        let at: Timestamp
        let number: Int
        let what: Happening
    }

    /// The next one last.
    private var entries: [Entry] = []
    private var count = 0

    mutating func add(_ what: Happening, at: Timestamp) {
        count += 1
        let entry = Entry(at: at, number: count, what: what)
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if (entries[middle].at, entries[middle].number) > (at, count) { low = middle + 1 } else { high = middle }
        }
        entries.insert(entry, at: low)
    }

    mutating func next() -> (at: Timestamp, what: Happening)? { entries.popLast().map { ($0.at, $0.what) } }

    /// The next delivery that is due by `instant`.
    mutating func nextDelivery(by instant: Timestamp) -> Happening? {
        for index in entries.indices.reversed() {
            guard entries[index].at <= instant else { return nil }
            if entries[index].what.isDelivery { return entries.remove(at: index).what }
        }
        return nil
    }

    /// Forgets all but deliveries.
    mutating func keepDeliveries() { entries.removeAll { !$0.what.isDelivery } }

    /// Whether nothing but passes is left.
    var isOver: Bool {
        entries.allSatisfy { entry in
            if case .pass = entry.what { true } else { false }
        }
    }
}
