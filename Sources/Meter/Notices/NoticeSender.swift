package import CircleCI
package import Logging
import Synchronization

/// Tells people: with a log line and a metric always, and with an outgoing webhook where one is set up, for chat or
/// paging.
///
///     POST <notice-url>
///     circlemeter-signature: v1=<HMAC-SHA256 of the body, hexadecimal>
package final class NoticeSender: Sendable {
    /// Where notices are posted to.
    package struct Target: Sendable {
        /// Chat services put secrets in the path: the URL is never shown.
        package var url: String
        /// Signs; nil: unsigned.
        package var secret: WebhookSecret?

        package init(url: String, secret: WebhookSecret?) {
            self.url = url
            self.secret = secret
        }
    }

    package static let maximumQueueCount = 100
    package static let maximumTryCount = 5
    package static let timeout: Duration = .seconds(10)
    package static let signatureHeader = "circlemeter-signature"

    private let target: Target?
    private let transport: any NoticeTransport
    private let pageURL: String?
    private let count: @Sendable (Notice) -> Void
    private let sleep: @Sendable (Duration) async throws -> Void
    private let logger: Logger
    private let queue = NoticeQueue(maximumCount: NoticeSender.maximumQueueCount)

    /// - Parameters:
    ///   - target: Nil: log line and metric only.
    ///   - pageURL: The page of connections, for the message; nil where nobody outside can open it.
    ///   - count: Counts a notice as a metric, by connection and kind.
    package init(
        target: Target?,
        transport: any NoticeTransport,
        pageURL: String?,
        count: @escaping @Sendable (Notice) -> Void,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        logger: Logger
    ) {
        self.target = target
        self.transport = transport
        self.pageURL = pageURL
        self.count = count
        self.sleep = sleep
        self.logger = logger
    }

    /// Tells. Never waits: the webhook is posted by ``run()``.
    package func send(_ notice: Notice) {
        logger.log(
            level: NoticeSender.level(of: notice.kind),
            "\(notice.message)",
            metadata: [
                "connection": "\(notice.connection)", "notice": "\(notice.kind.rawValue)",
                "state": "\(notice.condition.state.rawValue)", "reason": "\(notice.condition.reason)",
                "since": "\(notice.condition.since)",
            ]
        )
        count(notice)
        if target != nil, let dropped = queue.put(notice) {
            logger.warning(
                "too many notices wait; one is not posted",
                metadata: ["connection": "\(dropped.connection)"]
            )
        }
    }

    /// Posts notices until the task is cancelled. To be run once.
    package func run() async {
        guard let target else { return }
        while let notice = await queue.next() { await post(notice, to: target) }
    }

    private func post(_ notice: Notice, to target: Target) async {
        let body = notice.json(url: pageURL)
        var headers = [(name: "content-type", value: "application/json"), (name: "user-agent", value: "circlemeter")]
        if let secret = target.secret {
            headers.append((name: NoticeSender.signatureHeader, WebhookSignature.header(for: body, secret: secret)))
        }
        for number in 1...NoticeSender.maximumTryCount {
            var outcome = "no answer"
            do {
                let status = try await transport.post(
                    body,
                    headers: headers,
                    to: target.url,
                    timeout: NoticeSender.timeout
                )
                if (200..<300).contains(status) { return }
                outcome = "status \(status)"
                guard NoticeSender.isWorthAnotherTry(status) else {
                    return giveUp(notice, outcome)
                }
            } catch {
                // What the transport says may hold the URL, and that a secret.
                if Task.isCancelled { return }
            }
            guard number < NoticeSender.maximumTryCount else { return giveUp(notice, outcome) }
            do { try await sleep(NoticeSender.delay(after: number)) } catch { return }
            if queue.hasNewer(of: notice.connection) { return }
        }
    }

    private func giveUp(_ notice: Notice, _ outcome: String) {
        logger.warning(
            "a notice could not be posted",
            metadata: [
                "connection": "\(notice.connection)", "notice": "\(notice.kind.rawValue)", "answer": "\(outcome)",
            ]
        )
    }

    /// 1, 4, 16, 64 seconds.
    static func delay(after number: Int) -> Duration { .seconds(1 << (2 * (number - 1))) }

    static func isWorthAnotherTry(_ status: Int) -> Bool { status >= 500 || status == 429 || status == 408 }

    private static func level(of kind: Notice.Kind) -> Logger.Level {
        switch kind {
        case .reconnectRequired: .error
        case .expiring, .silent, .limited, .unreachable: .warning
        case .recovered: .notice
        }
    }
}
