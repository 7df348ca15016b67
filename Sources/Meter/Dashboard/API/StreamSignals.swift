import Synchronization

/// What a stream's reader is to be told. However often something happens before it is taken, it is one.
final class StreamSignals: Sendable {
    struct Signals: OptionSet, Sendable {
        let rawValue: Int

        static let snapshot = Signals(rawValue: 1)
        static let connections = Signals(rawValue: 2)
        static let keepAlive = Signals(rawValue: 4)
    }

    /// An element says that there is something to take.
    let raised: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation
    private let waiting = Mutex(Signals())

    init() {
        (raised, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// - Returns: Whether it is new: false where what was raised before has not been taken.
    @discardableResult
    func raise(_ signal: Signals) -> Bool {
        let isNew = waiting.withLock { waiting in
            defer { waiting.formUnion(signal) }
            return !waiting.contains(signal)
        }
        continuation.yield()
        return isNew
    }

    func take() -> Signals {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }

    func end() { continuation.finish() }
}

/// How many streams there may be at once.
final class StreamPlaces: Sendable {
    /// Taken until its holder leaves, or is gone without a word.
    final class Place: Sendable {
        private let places: StreamPlaces
        private let isLeft = Mutex(false)

        fileprivate init(_ places: StreamPlaces) {
            self.places = places
        }

        func leave() {
            let isFirst = isLeft.withLock { isLeft in
                defer { isLeft = true }
                return !isLeft
            }
            if isFirst { places.count.withLock { $0 -= 1 } }
        }

        deinit { leave() }
    }

    private let maximumCount: Int
    private let count = Mutex(0)

    init(maximumCount: Int) {
        self.maximumCount = maximumCount
    }

    /// Nil where all are taken.
    func take() -> Place? {
        let isFree = count.withLock { count in
            guard count < maximumCount else { return false }
            count += 1
            return true
        }
        return isFree ? Place(self) : nil
    }
}
