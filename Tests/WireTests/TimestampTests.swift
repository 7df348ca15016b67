import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Wire

struct TimestampTests {
    @Test(arguments: [
        ("2021-09-01T22:49:34.279Z", 1_630_536_574_279_000),
        ("2022-05-27T16:20:13.954328Z", 1_653_668_413_954_328),
        ("2021-09-01T22:48:53Z", 1_630_536_533_000_000),
        ("2022-04-13T11:10:16+00:00", 1_649_848_216_000_000),
        ("2022-04-13T13:10:16.5+02:00", 1_649_848_216_500_000),
        ("2022-04-13T05:40:16-0530", 1_649_848_216_000_000),
        ("2024-12-18 17:23:29.361740256 +0000 UTC", 1_734_542_609_361_740),
        ("2024-12-18 18:23:29 +0100 CET", 1_734_542_609_000_000),
        ("2026-01-02 03:04:05.678", 1_767_323_045_678_000),
        ("2024-02-29T23:59:60Z", 1_709_251_200_000_000),
        ("1969-12-31T23:59:59.999999Z", -1),
    ])
    func `every form that CircleCI sends`(_ text: String, _ microseconds: Int64) {
        #expect(Timestamp(text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2021", "2021-09-01", "2021-13-01T00:00:00Z", "2021-02-29T00:00:00Z", "2021-09-31T00:00:00Z",
        "2021-09-01T24:00:00Z", "2021-09-01T00:60:00Z", "2021-09-01T00:00:61Z", "2021-09-01T00:00:00.Z",
        "2021-09-01T00:00:00.1234567890Z", "2021-09-01T00:00:00Zx", " 2021-09-01T00:00:00Z",
        "2021-09-01T00:00:00+25:00", "9999-12-31T23:30:00-01:00", "0000-01-01T00:00:00+05:00",
        "2021-09-01T00:00:00+02:", "2021-09-01T00:00:00 +0000 utc", "2021-09-01X00:00:00Z", "null", "yesterday",
    ])
    func `anything else is no instant`(_ text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(arguments: 0..<100)
    func `agrees with Foundation on the instant, the day and the text`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let milliseconds = Int64.random(in: -2_000_000_000_000...9_000_000_000_000, using: &generator)
        let timestamp = Timestamp(microseconds: milliseconds * 1000)
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        // Foundation prints a Double, which holds every millisecond of these centuries but may round the last digit.
        let date = Date(timeIntervalSince1970: (Double(milliseconds) + 0.1) / 1000)
        #expect(timestamp.description == formatter.string(from: date), "seed \(seed)")
        #expect(timestamp.description.hasPrefix(timestamp.day.description), "seed \(seed)")
        #expect(Timestamp(timestamp.description) == timestamp, "seed \(seed)")
        #expect(Day(timestamp.day.description) == timestamp.day, "seed \(seed)")
    }
}
