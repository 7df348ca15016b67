import NIOCore
import Wire

/// The form of times in HTTP's header: `Sun, 22 Nov 2026 08:16:08 GMT` (RFC 9110, section 5.6.7).
enum HTTPDate {
    static func text(_ instant: Timestamp) -> String {
        var bytes = ByteBuffer()
        append(instant, to: &bytes)
        return String(buffer: bytes)
    }

    static func append(_ instant: Timestamp, to bytes: inout ByteBuffer) {
        let (year, month, dayOfMonth) = instant.day.civil
        // 1970-01-01 was a Thursday.
        let weekday = ((Int(instant.day.daysSinceEpoch) + 4) % 7 + 7) % 7
        let second = Int(instant.microseconds / 1_000_000 - Int64(instant.day.daysSinceEpoch) * 86_400)
        bytes.writeString(weekdays[weekday])
        appendPair(dayOfMonth, to: &bytes)
        bytes.writeString(months[month - 1])
        appendPair(year / 100, to: &bytes)
        appendPair(year % 100, to: &bytes)
        bytes.writeStaticString(" ")
        appendPair(second / 3600, to: &bytes)
        bytes.writeStaticString(":")
        appendPair(second / 60 % 60, to: &bytes)
        bytes.writeStaticString(":")
        appendPair(second % 60, to: &bytes)
        bytes.writeStaticString(" GMT")
    }

    private static func appendPair(_ value: Int, to bytes: inout ByteBuffer) {
        bytes.writeInteger(UInt8(ascii: "0") + UInt8(value / 10 % 10))
        bytes.writeInteger(UInt8(ascii: "0") + UInt8(value % 10))
    }

    private static let weekdays = ["Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "]
    private static let months = [
        " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec ",
    ]
}
