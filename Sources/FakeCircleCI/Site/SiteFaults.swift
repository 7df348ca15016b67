import Synchronization
import Wire

/// How many calls a key has made in a window of the rate limit.
struct SiteWindow: Sendable {
    var start: Duration
    var callCount: Int
}

/// What is answered instead.
enum SiteFault {
    case answer(SiteAnswer)
    /// The connection is dropped, before the call is done or after.
    case drop(isDone: Bool)
}

extension FakeSite {
    /// Answers a call, with the faults that it meets.
    func reply(to request: SiteRequest) async -> SiteReply {
        let (reply, latency) = state.withLock { state -> (SiteReply, Duration?) in
            let reply = decide(request, &state)
            var random = state.random(of: request, seed: options.seed ^ 0x6c61_7465)
            state.attempts[request.attemptKey, default: 0] += 1
            let status = reply.status
            state.calls[FakeCall(request.method, request.route.endpoint, status), default: 0] += 1
            let latency = state.faults.latency.map { range in
                range.lowerBound + (range.upperBound - range.lowerBound) * random.fraction()
            }
            return (reply, latency)
        }
        if let latency { try? await options.sleep(latency) }
        if let onCall = options.onCall {
            onCall(FakeCall(request.method, request.route.endpoint, reply.status))
        }
        return reply
    }

    private func decide(_ request: SiteRequest, _ state: inout SiteState) -> SiteReply {
        var random = state.random(of: request, seed: options.seed)
        let limit = state.countInWindow(request, elapsed: options.elapsed())
        let api = SiteAPI(world: world, options: options)
        var answer: SiteAnswer
        if let limit, limit.isExceeded {
            answer = .message(429, "Rate limit exceeded")
            answer.headers.append(("retry-after", String(limit.resetSeconds)))
        } else {
            switch state.faults.fault(request, &random) {
            case .drop(let isDone)?:
                if isDone { _ = api.answer(request, &state) }
                return .drop
            case .answer(let fault)?: answer = fault
            case nil: answer = api.answer(request, &state)
            }
        }
        if let limit { answer.headers.append(contentsOf: limit.headers) }
        answer.headers.append(("x-request-id", random.uuid()))
        if let date = state.faults.date { answer.headers.append(("date", date)) }
        // Who does not ask for JSON may get it spread over lines.
        if !request.acceptsJSON, answer.contentType == "application/json" {
            answer.body = JSONIndentation.indented(answer.body)
        }
        if case .download = request.route, answer.status == 200, state.faults.cutDownloads > 0 {
            state.faults.cutDownloads -= 1
            return .cut(answer)
        }
        return .answer(answer)
    }
}

extension SiteRequest {
    /// Equal for what is tried again.
    var attemptKey: String { "\(method) \(target)" }
}

extension SiteState {
    /// Random numbers of this try of this call.
    func random(of request: SiteRequest, seed: UInt64) -> SeededGenerator {
        let attempt = attempts[request.attemptKey, default: 0]
        return SiteExtras.random("\(request.attemptKey) \(attempt)", seed)
    }

    /// Counts the call in its key's window; nil where there is no limit.
    mutating func countInWindow(_ request: SiteRequest, elapsed: Duration) -> SiteLimit? {
        guard let limit = faults.window else { return nil }
        let key = request.key ?? ""
        var window = windows[key] ?? SiteWindow(start: elapsed, callCount: 0)
        if elapsed - window.start >= limit.length { window = SiteWindow(start: elapsed, callCount: 0) }
        window.callCount += 1
        windows[key] = window
        return SiteLimit(window: limit, callCount: window.callCount, rest: limit.length - (elapsed - window.start))
    }
}

/// A rate limit as one answer tells it.
struct SiteLimit {
    let window: FakeAPIFaults.RateWindow
    /// This call included.
    let callCount: Int
    /// Until the window ends.
    let rest: Duration

    var isExceeded: Bool { callCount > window.callCount }

    /// Rounded up, so that who waits for it does not come too early.
    var resetSeconds: Int64 {
        rest.components.seconds + (rest.components.attoseconds > 0 ? 1 : 0)
    }

    var headers: [(String, String)] {
        let isUnitStrict = window.strictFamily == .perUnit
        return headers("ratelimit-", "", window.callCount * (isUnitStrict ? 3 : 1))
            + headers("x-ratelimit-", "-\(unit)", window.callCount * (isUnitStrict ? 1 : 3))
    }

    private var unit: String {
        switch window.length.components.seconds {
        case ...1: "second"
        case ...60: "minute"
        case ...3600: "hour"
        default: "day"
        }
    }

    private func headers(_ prefix: String, _ suffix: String, _ limit: Int) -> [(String, String)] {
        [
            ("\(prefix)limit\(suffix)", String(limit)),
            ("\(prefix)remaining\(suffix)", String(max(0, limit - callCount))),
            ("\(prefix)reset\(suffix)", String(resetSeconds)),
        ]
    }
}

extension FakeAPIFaults {
    /// The fault that this try of a call meets; nil: none.
    func fault(_ request: SiteRequest, _ random: inout SeededGenerator) -> SiteFault? {
        let place = random.fraction()
        let kind = random.integer(in: 0...3)
        if case .me = request.route, !probe { return nil }
        if case .usageExports = request.route, losesExportStarts { return .drop(isDone: true) }
        var end = 0.0
        func falls(into share: Double) -> Bool {
            end += share
            return place < end
        }
        if falls(into: rateLimited) { return .answer(limited(kind)) }
        if falls(into: serverErrors) {
            let status = [500, 502, 503, 500][kind]
            return .answer(
                kind == 1 ? .html(502, "502 Bad Gateway") : .message(status, "Something went wrong on our side")
            )
        }
        if falls(into: edgeRefusals) { return .answer(.html(403, "403 Forbidden")) }
        if falls(into: htmlAnswers) { return .answer(.html(200, "CircleCI")) }
        if falls(into: droppedConnections) { return .drop(isDone: kind % 2 == 0) }
        return nil
    }

    private func limited(_ kind: Int) -> SiteAnswer {
        var answer =
            kind < 2
            ? SiteAnswer.message(429, "Rate limit exceeded")
            : SiteAnswer(429, "Rate limited.", contentType: "text/plain; charset=utf-8")
        if kind % 2 == 0 { answer.headers.append(("retry-after", String(retryAfterSeconds))) }
        return answer
    }
}
