import EventLog
import Logging
import ServiceLifecycle
import Usage
import Wire

/// Keeps the log up with `rate-card.json`: writes the file where there is none, and puts a card that was edited onto the
/// log, for credits are reckoned from the log alone.
///
/// A file that cannot be used changes nothing: the last good card counts on, and ``problem`` says so.
actor RateCardKeeper: Service {
    /// What the keeper works with.
    struct Surroundings: Sendable {
        /// The card that the log says last, once all that is durable is looked at; nil where it says none.
        var logged: @Sendable () async throws -> RateCardState?
        /// Makes an entry durable.
        var append: @Sendable (LogEntry) async throws -> Void
        var now: @Sendable () -> Timestamp
        var sleep: @Sendable (Duration) async throws -> Void
        var logger: Logger
    }

    /// Between two looks at the file.
    private static let period = Duration.seconds(60)

    private let file: RateCardFile
    private let surroundings: Surroundings
    private let queue = BlockingQueue(label: "circlemeter.rate-card")
    /// The content that was last taken in or found bad.
    private var seen: [UInt8]?

    /// What is wrong with the file; nil while it counts.
    private(set) var problem: MeterError?

    init(_ file: RateCardFile, _ surroundings: Surroundings) {
        self.file = file
        self.surroundings = surroundings
    }

    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown {
                while true {
                    try await self.look()
                    try await self.surroundings.sleep(RateCardKeeper.period)
                }
            }
        } catch is CancellationError {}
    }

    /// Compares the file with the log, where it changed since the last look.
    /// - Throws: `CancellationError` alone. Everything else is tried again at the next look.
    func look() async throws {
        let content: [UInt8]?
        do throws(MeterError) {
            content = try await queue.run { [file] () throws(MeterError) in try file.read() }
        } catch {
            seen = nil
            return note(error)
        }
        if let content, content == seen { return }
        do {
            let logged = try await surroundings.logged()
            if let content {
                try await take(content, logged)
            } else {
                await make(logged?.card ?? .published)
            }
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            surroundings.logger.error(
                "the rate card could not be compared with the log",
                metadata: ["file": "\(file.path)", "error": "\(error)"]
            )
        }
    }

    private func make(_ card: RateCard) async {
        do throws(MeterError) {
            // Where somebody else was faster, the next look takes theirs.
            seen = try await queue.run { [file] () throws(MeterError) in try file.create(card) }
            problem = nil
            surroundings.logger.notice("the rate card was written", metadata: ["file": "\(file.path)"])
        } catch {
            note(error)
        }
    }

    private func take(_ content: [UInt8], _ logged: RateCardState?) async throws {
        let card: RateCard
        do throws(MeterError) {
            card = try file.card(in: content)
        } catch {
            seen = content
            return note(error)
        }
        if card != logged?.card ?? .published {
            let at = Timestamp.ofWord(at: surroundings.now(), after: logged?.happenedAt)
            try await surroundings.append(RateCardEvent.entry(card, at: at))
            surroundings.logger.notice(
                "another rate card counts",
                metadata: ["source": "\(card.source)", "published": "\(card.published)"]
            )
        }
        seen = content
        problem = nil
    }

    /// Says what is wrong, once.
    private func note(_ error: MeterError) {
        guard problem?.description != error.description else { return }
        problem = error
        surroundings.logger.error(
            "the rate card's file does not count; the last good card does",
            metadata: ["file": "\(file.path)", "error": "\(error)"]
        )
    }
}

extension RateCardKeeper {
    /// The keeper of a service.
    init(_ directory: DataDirectory, log: EventLog, published: PublishedSnapshot, logger: Logger) {
        let knowledge = PublishedKnowledge(published: published, durableSequence: { log.durableEnd.sequence })
        self.init(
            RateCardFile(directory),
            Surroundings(
                logged: {
                    try await knowledge.catchUp()
                    return try await published.read(or: RateCardState?.none) { try $0.rateCard() }
                },
                append: { _ = try await log.append($0) },
                now: { Timestamp.now },
                sleep: { try await Task.sleep(for: $0) },
                logger: logger
            )
        )
    }
}
