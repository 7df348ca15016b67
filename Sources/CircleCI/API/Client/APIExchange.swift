import AsyncHTTPClient
import NIOCore
import NIOHTTP1

#if SABOTAGE
    import Wire
#endif

/// One request and its answer, once.
struct APIExchange: Sendable {
    /// What came of a request. An answer that is an error has both.
    struct Outcome: Sendable {
        var answer: APIAnswer?
        var error: CircleCIError?
    }

    private let execute: @Sendable (HTTPClientRequest) async throws -> HTTPClientResponse
    private let baseURL: String
    private let key: APIKey
    private let options: CircleCIClient.Options

    /// - Parameter execute: Sends a request, once.
    init(
        baseURL: String,
        key: APIKey,
        options: CircleCIClient.Options,
        execute: @escaping @Sendable (HTTPClientRequest) async throws -> HTTPClientResponse
    ) {
        self.execute = execute
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.key = key
        self.options = options
    }

    /// The address of a request, without its query.
    func location(of request: APIRequest) -> String {
        #if SABOTAGE
            if Sabotage.plants("key-in-error") {
                return "\(request.path)?key=\(String(decoding: key.bytes, as: UTF8.self))"
            }
        #endif
        return WebhookPoster.publicPart(of: baseURL) + request.path
    }

    func send(_ request: APIRequest) async -> Outcome {
        let location = location(of: request)
        guard isSafe else {
            return Outcome(
                error: CircleCIError(
                    .invalidURL,
                    "Not the address of an API that a key can be sent to",
                    at: WebhookPoster.publicPart(of: baseURL),
                    hint: "give https:// and a host; http:// is for this machine only"
                )
            )
        }
        do {
            let answer = try await answer(to: prepared(request), location: location)
            return Outcome(answer: answer, error: answer.failure)
        } catch {
            return Outcome(error: Self.error(error, location))
        }
    }

    /// Hands over what is at an address of another host, to which no key is shown. No error names the address.
    func download(
        _ url: String,
        maximumBytes: Int,
        to sink: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let place = "the usage export's file"
        guard Self.isSafe(String(url.prefix { $0 != "?" })) else {
            throw CircleCIError(.invalidURL, "Not an address to download from", at: place)
        }
        do {
            let response = try await execute(HTTPClientRequest(url: url))
            guard response.status == .ok else {
                throw CircleCIError(
                    .refused,
                    "The file is not to be had",
                    at: place,
                    status: Int(response.status.code)
                )
            }
            var count = 0
            for try await chunk in response.body {
                count += chunk.readableBytes
                guard count <= maximumBytes else {
                    throw CircleCIError(.unexpectedAnswer, "The file is longer than \(maximumBytes) bytes", at: place)
                }
                do { try await sink(chunk) } catch { throw SinkFailure(error: error) }
            }
            // A cancelled body ends as if it were complete.
            try Task.checkCancellation()
            if let length = response.headers.first(name: "content-length").flatMap({ Int($0) }), length != count {
                throw CircleCIError(.unreachable, "The file came incompletely", at: place)
            }
        } catch let failure as SinkFailure {
            throw failure.error
        } catch {
            throw Self.error(error, place)
        }
    }

    /// What the taker of a download threw, not the network.
    private struct SinkFailure: Error {
        let error: any Error
    }

    /// Whether the key may be sent to the base address: not in clear text over a network.
    private var isSafe: Bool { Self.isSafe(baseURL) }

    private static func isSafe(_ url: String) -> Bool {
        let lowercased = url.lowercased()
        guard !lowercased.contains(where: { "@?#".contains($0) || $0.isWhitespace }) else { return false }
        if lowercased.hasPrefix("https://") { return lowercased.utf8.count > 8 }
        guard lowercased.hasPrefix("http://") else { return false }
        let authority = lowercased.dropFirst(7).prefix { $0 != "/" }
        return ["127.0.0.1", "localhost", "[::1]"].contains { authority == $0 || authority.hasPrefix("\($0):") }
    }

    private func prepared(_ request: APIRequest) -> HTTPClientRequest {
        let token = String(decoding: key.bytes, as: UTF8.self)
        var prepared = HTTPClientRequest(url: baseURL + request.path + request.queryText)
        prepared.method = request.method
        prepared.headers.add(name: "accept", value: "application/json")
        prepared.headers.add(name: "user-agent", value: "circlemeter")
        prepared.headers.add(name: "authorization", value: "Bearer \(token)")
        // All that is documented for API v1.1.
        if request.path.hasPrefix("/api/v1.1/") { prepared.headers.add(name: "circle-token", value: token) }
        if let body = request.body {
            prepared.headers.add(name: "content-type", value: "application/json")
            prepared.body = .bytes(body)
        }
        return prepared
    }

    /// The client's own deadline ends with the answer's head, so the whole exchange runs against a clock of its own.
    private func answer(to request: HTTPClientRequest, location: String) async throws -> APIAnswer {
        try await withThrowingTaskGroup(of: APIAnswer.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await read(request, location: location) }
            group.addTask {
                try await Task.sleep(for: options.deadline)
                throw HTTPClientError.deadlineExceeded
            }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private func read(_ request: HTTPClientRequest, location: String) async throws -> APIAnswer {
        let response = try await execute(request)
        var body: [UInt8] = []
        for try await chunk in response.body {
            guard body.count + chunk.readableBytes <= options.maximumBodyBytes else {
                let answer = APIAnswer(
                    status: Int(response.status.code),
                    headers: response.headers,
                    body: [],
                    location: location
                )
                // An error's body says nothing that is needed.
                if answer.failure != nil { return answer }
                throw answer.error(.unexpectedAnswer, "The answer is longer than \(options.maximumBodyBytes) bytes")
            }
            body.append(contentsOf: chunk.readableBytesView)
        }
        // A cancelled body ends as if it were complete.
        try Task.checkCancellation()
        let answer = APIAnswer(
            status: Int(response.status.code),
            headers: response.headers,
            body: body,
            location: location
        )
        // Only a client that was configured otherwise has followed one.
        guard response.history.count <= 1 else {
            throw answer.error(.unexpectedAnswer, "The call was redirected")
        }
        return answer
    }

    private static func error(_ error: any Error, _ location: String) -> CircleCIError {
        if let error = error as? CircleCIError { return error }
        if Task.isCancelled || error is CancellationError {
            return CircleCIError(.cancelled, "The call was cancelled", at: location)
        }
        switch error as? HTTPClientError {
        case .invalidURL, .emptyHost, .emptyScheme, .missingSocketPath:
            return CircleCIError(.invalidURL, "Not the address of an API", at: location)
        case .deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
            return CircleCIError(.timedOut, "No complete answer in time", at: location)
        case let error?:
            return CircleCIError(.unreachable, "CircleCI cannot be reached", at: location, cause: NoAnswer(error))
        case nil:
            return CircleCIError(.unreachable, "CircleCI cannot be reached", at: location, cause: error)
        }
    }
}

/// Why no answer came. Stands for the HTTP client's own error, which can hold header values, the key's among them.
struct NoAnswer: Error, CustomStringConvertible {
    let description: String

    init(_ error: HTTPClientError) {
        description = error.shortDescription
    }
}
