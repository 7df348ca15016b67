import NIOHTTP1
import Wire

/// The kinds of windows that CircleCI counts calls in, each stated by headers of its own.
enum RateWindowName: Hashable, CaseIterable {
    /// `RateLimit-Limit`, `-Remaining`, `-Reset`: of no stated length.
    case unnamed
    /// `X-RateLimit-Limit-Second` and so on.
    case second, minute, hour, day

    /// The longest that a reset can be away, and how long a window is taken to be where no header says.
    var length: Duration {
        switch self {
        case .unnamed, .minute: .seconds(60)
        case .second: .seconds(1)
        case .hour: .seconds(3600)
        case .day: .seconds(86_400)
        }
    }

    var longestReset: Duration { self == .unnamed ? .seconds(86_400) : length }

    func header(_ part: String) -> String {
        switch self {
        case .unnamed: "ratelimit-\(part)"
        case .second: "x-ratelimit-\(part)-second"
        case .minute: "x-ratelimit-\(part)-minute"
        case .hour: "x-ratelimit-\(part)-hour"
        case .day: "x-ratelimit-\(part)-day"
        }
    }
}

/// What one answer says of one window; at least one of limit and remaining is there.
struct RateNumbers: Hashable {
    var limit: Int?
    var remaining: Int?
    var reset: Duration?
}

/// What an answer's headers say of limits, in both families that CircleCI's API developer guide names.
struct RateHeaders {
    var windows: [RateWindowName: RateNumbers] = [:]

    init(_ headers: HTTPHeaders) {
        for name in RateWindowName.allCases {
            let numbers = RateNumbers(
                limit: Self.count(headers, name.header("limit")).map { max(1, $0) },
                remaining: Self.count(headers, name.header("remaining")),
                reset: Self.seconds(headers.first(name: name.header("reset")), atMost: name.longestReset)
            )
            if numbers.limit != nil || numbers.remaining != nil { windows[name] = numbers }
        }
    }

    /// The lowest of the header's numbers; what follows a semicolon (`100;w=60`) is no count.
    private static func count(_ headers: HTTPHeaders, _ name: String) -> Int? {
        headers[canonicalForm: name]
            .compactMap { value in
                Int(value.prefix { $0 != ";" }.filter { $0 != " " })
            }
            .map { min(max(0, $0), 1_000_000_000) }
            .min()
    }

    private static func seconds(_ text: String?, atMost bound: Duration) -> Duration? {
        guard let text, let value = Double(text), value.isFinite else { return nil }
        return min(.seconds(min(max(0, value.rounded(.up)), 1e9)), bound)
    }

    /// The wait that `Retry-After` asks for, as seconds or as a date; nil where it is absent or neither.
    ///
    /// A date is measured against the answer's own `Date`, so that a wrong clock here does no harm.
    static func retryAfter(_ headers: HTTPHeaders, wallTime: Timestamp) -> Duration? {
        guard let text = headers.first(name: "retry-after") else { return nil }
        if let wait = seconds(text, atMost: .seconds(86_400)) { return wait }
        guard let date = HTTPDate.timestamp(text) else { return nil }
        let reference = headers.first(name: "date").flatMap(HTTPDate.timestamp) ?? wallTime
        let wait = Duration.microseconds(date.microseconds - reference.microseconds)
        return min(max(.zero, wait), .seconds(86_400))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form of a date that servers may send (RFC 9110, section 5.6.7).
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func timestamp(_ text: String) -> Timestamp? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", parts[1].utf8.count == 2,
            let month = months.firstIndex(of: String(parts[2]))
        else { return nil }
        let number = month + 1
        return Timestamp("\(parts[3])-\(number < 10 ? "0" : "")\(number)-\(parts[1])T\(parts[4])Z")
    }
}
