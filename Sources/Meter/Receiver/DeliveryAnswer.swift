import HTTPTypes
import NIOCore
import Wire

/// What is said to the sender of a delivery.
enum DeliveryAnswer: Sendable {
    case accepted(sequence: Int)
    case duplicate
    case quarantined
    case refused(HTTPProblem)

    var status: HTTPResponse.Status {
        switch self {
        case .accepted, .duplicate: .ok
        case .quarantined: .accepted
        case .refused(let problem): problem.status
        }
    }

    /// Appends the whole answer to `bytes`, in HTTP/1.1.
    ///
    /// - Parameter isForHead: Whether HEAD was asked: the length then is what GET would send.
    func append(to bytes: inout ByteBuffer, at now: Timestamp, isForHead: Bool = false) {
        let body = body
        bytes.writeStaticString("HTTP/1.1 ")
        bytes.writeString(String(status.code))
        bytes.writeStaticString(" ")
        bytes.writeString(status.reasonPhrase)
        bytes.writeStaticString("\r\nContent-Type: application/json\r\nContent-Length: ")
        bytes.writeString(String(body.utf8.count))
        if case .refused(let problem) = self {
            for field in problem.headers {
                bytes.writeStaticString("\r\n")
                bytes.writeString(field.name.rawName)
                bytes.writeStaticString(": ")
                bytes.writeString(field.value)
            }
        }
        bytes.writeStaticString("\r\nDate: ")
        DeliveryAnswer.appendDate(now, to: &bytes)
        bytes.writeStaticString("\r\n\r\n")
        if !isForHead { bytes.writeString(body) }
    }

    private var body: String {
        switch self {
        case .accepted(let sequence): "{\"status\":\"accepted\",\"sequence\":\(sequence)}"
        case .duplicate: #"{"status":"duplicate"}"#
        case .quarantined: #"{"status":"quarantined"}"#
        case .refused(let problem): String(decoding: problem.body, as: UTF8.self)
        }
    }

    /// `Sun, 22 Nov 2026 08:16:08 GMT` (RFC 9110, section 5.6.7).
    private static func appendDate(_ instant: Timestamp, to bytes: inout ByteBuffer) {
        let (year, month, dayOfMonth) = instant.day.civil
        // 1970-01-01 was a Thursday.
        let weekday = ((Int(instant.day.daysSinceEpoch) + 4) % 7 + 7) % 7
        let second = Int(instant.microseconds / 1_000_000 - Int64(instant.day.daysSinceEpoch) * 86_400)
        func digits(_ value: Int, _ divisors: Int...) {
            for divisor in divisors { bytes.writeInteger(UInt8(ascii: "0") + UInt8(value / divisor % 10)) }
        }
        bytes.writeString(weekdays[weekday])
        digits(dayOfMonth, 10, 1)
        bytes.writeString(months[month - 1])
        digits(year, 1000, 100, 10, 1)
        bytes.writeStaticString(" ")
        digits(second / 3600, 10, 1)
        bytes.writeStaticString(":")
        digits(second / 60 % 60, 10, 1)
        bytes.writeStaticString(":")
        digits(second % 60, 10, 1)
        bytes.writeStaticString(" GMT")
    }

    private static let weekdays = ["Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "]
    private static let months = [
        " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
    ]
}
