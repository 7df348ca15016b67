public import AsyncHTTPClient
import NIOCore
import NIOHTTP1

#if SABOTAGE
    import Wire
#endif

/// CircleCI's API v2 over HTTP, with one key.
///
/// ```swift
/// let http = HTTPClient(configuration: CircleCIClient.httpConfiguration())
/// let client = CircleCIClient(http: http, baseURL: "https://circleci.com", key: key, budget: APIBudget())
/// let user = try await client.me()
/// ```
///
/// What fails for a while (429, 5xx, no answer in time or at all) is tried again with growing waits, except what is not
/// safe to repeat, and ``me()``. 401, 403 and 404 are answers, and are never asked for twice.
public struct CircleCIClient: Sendable {
    public struct Options: Hashable, Sendable {
        /// For one try, from the connection to the answer's last byte.
        public var deadline: Duration
        /// A longer answer is `unexpected_answer`.
        public var maximumBodyBytes: Int
        /// Tries of one call, the first included.
        public var maximumTries: Int
        /// Pages of one list; more are `unexpected_answer`.
        public var maximumPages: Int

        public init(
            deadline: Duration = .seconds(30),
            maximumBodyBytes: Int = 8 << 20,
            maximumTries: Int = 4,
            maximumPages: Int = 1000
        ) {
            self.deadline = deadline
            self.maximumBodyBytes = maximumBodyBytes
            self.maximumTries = maximumTries
            self.maximumPages = maximumPages
        }
    }

    let exchange: APIExchange
    let budget: APIBudget
    let options: Options

    /// - Parameters:
    ///   - http: Made with ``httpConfiguration(concurrency:)``. Shutting it down is the caller's.
    ///   - baseURL: `https://circleci.com`. Plain http is for servers on this machine only: calls to others fail with
    ///     `invalid_url` before anything is sent.
    ///   - budget: The key's. All clients with one key share it.
    public init(
        http: HTTPClient,
        baseURL: String,
        key: APIKey,
        budget: APIBudget,
        options: Options = Options()
    ) {
        self.init(baseURL: baseURL, key: key, budget: budget, options: options) { request in
            try await http.execute(request, deadline: .distantFuture)
        }
    }

    /// As ``init(http:baseURL:key:budget:options:)``, over a network of the caller's own.
    ///
    /// - Parameter execute: Sends a request, once. What it throws is taken for the network's failure.
    package init(
        baseURL: String,
        key: APIKey,
        budget: APIBudget,
        options: Options = Options(),
        execute: @escaping @Sendable (HTTPClientRequest) async throws -> HTTPClientResponse
    ) {
        exchange = APIExchange(baseURL: baseURL, key: key, options: options, execute: execute)
        self.budget = budget
        self.options = options
    }

    /// A client's configuration for up to `concurrency` calls at a time: no redirects, which would carry the key
    /// elsewhere, and certificates verified.
    public static func httpConfiguration(concurrency: Int = 8) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout.connect = .seconds(10)
        // For downloads, which have no deadline: nothing at all came for so long.
        configuration.timeout.read = .seconds(60)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = concurrency
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// Sends a request until it is answered, refused for good, or tried often enough.
    func answer(to request: APIRequest) async throws(CircleCIError) -> APIAnswer {
        let tries = request.isRepeatable ? request.maximumTries ?? options.maximumTries : 1
        var failures = 0
        while true {
            let call = try await budget.begin(request.endpoint, request.priority)
            let outcome = await exchange.send(request)
            budget.end(
                call,
                answer: outcome.answer.map { ($0.status, $0.headers) },
                hasOwnLimit: request.hasOwnLimit
            )
            guard let error = outcome.error else {
                guard let answer = outcome.answer else { preconditionFailure("neither an answer nor an error") }
                return answer
            }
            failures += 1
            // A first try may have done it, and its answer got lost.
            if request.method == .DELETE, failures > 1, let answer = outcome.answer, error.code == .notFound {
                return answer
            }
            let asked = outcome.answer.flatMap {
                RateHeaders.retryAfter($0.headers, wallTime: budget.clock.wallTime())
            }
            guard failures < tries, error.mayPass else { throw error.asking(toWait: asked) }
            // After a 429 the budget itself holds the next call back.
            if error.code != .rateLimited {
                try await budget.waitBeforeRetry(failures: failures, atLeast: asked)
            }
        }
    }

    /// One page of a list.
    func page<Item: Sendable>(
        _ request: APIRequest,
        token: String?,
        _ read: (APIObject) throws(CircleCIError) -> Item
    ) async throws(CircleCIError) -> APIPage<Item> {
        var request = request
        if let token { request.query.append(("page-token", token)) }
        let object = try await answer(to: request).object()
        var items: [Item] = []
        for item in try object.list("items") { items.append(try read(item)) }
        let next = object.optionalText("next_page_token") ?? ""
        #if SABOTAGE
            if Sabotage.plants("first-page-only") { return APIPage(items: items, nextPageToken: nil) }
        #endif
        if next == token {
            throw object.unexpected("next_page_token", "names the page that it is on")
        }
        return APIPage(items: items, nextPageToken: next.isEmpty ? nil : next)
    }

    /// All pages of a list.
    func allPages<Item: Sendable>(
        _ request: APIRequest,
        _ read: (APIObject) throws(CircleCIError) -> Item
    ) async throws(CircleCIError) -> [Item] {
        var items: [Item] = []
        var seen: Set<String> = []
        var token: String?
        repeat {
            let page = try await page(request, token: token, read)
            items += page.items
            token = page.nextPageToken
            if let token, !seen.insert(token).inserted || seen.count >= options.maximumPages {
                throw CircleCIError(
                    .unexpectedAnswer,
                    "The list does not end: a page comes again, or there are \(options.maximumPages) of them",
                    at: exchange.location(of: request)
                )
            }
        } while token != nil
        return items
    }
}

extension CircleCIError {
    func asking(toWait retryAfter: Duration?) -> CircleCIError {
        var error = self
        error.retryAfter = retryAfter
        return error
    }

    /// Whether the same call may go well later.
    var mayPass: Bool {
        switch code {
        case .rateLimited, .serverError, .unreachable, .timedOut: true
        default: false
        }
    }
}
