import EventLog
import Testing
import Wire

struct FormatTests {
    @Test func aLogIsWrittenByteForByteAsTheDesignShowsIt() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 1
        let log = try fixture.open(options)
        _ = try await log.append(LogFixture.entry(#"{"type":"ping" }"#, signature: "v1=ab\"c"))
        _ = try await log.append(LogFixture.entry("not\njson"))
        await log.close()

        let head = #"{"circlemeter_log":1,"first_sequence":1,"created_at":"2026-11-22T08:16:08.123Z","previous":null"#
        let headCRC = NaiveCRC.checksum(head, seed: 0)
        let first =
            #"{"sequence":1,"batch":1,"received_at":"2026-11-22T08:16:08.123Z","source":"webhook","connection":"acme","#
            + #""signature":"v1=ab\"c","event":{"type":"ping" }"#
        let firstCRC = NaiveCRC.checksum(first, seed: headCRC)
        let segment = line(head, headCRC) + line(first, firstCRC)
        #expect(String(decoding: Files.bytes(fixture.path(1)), as: UTF8.self) == segment)

        let nextHead =
            #"{"circlemeter_log":1,"first_sequence":2,"created_at":"2026-11-22T08:16:08.123Z","previous":"#
            + #"{"sequence":1,"offset":\#(segment.utf8.count),"crc":"\#(Hex.string(firstCRC))"}"#
        let nextHeadCRC = NaiveCRC.checksum(nextHead, seed: firstCRC)
        let second =
            #"{"sequence":2,"batch":2,"received_at":"2026-11-22T08:16:08.123Z","source":"webhook","connection":"acme","#
            + #""event_base64":"bm90Cmpzb24=""#
        let secondCRC = NaiveCRC.checksum(second, seed: nextHeadCRC)
        let next = line(nextHead, nextHeadCRC) + line(second, secondCRC)
        #expect(String(decoding: Files.bytes(fixture.path(2)), as: UTF8.self) == next)
        #expect(Files.names(fixture.directory) == ["00000000000000000001.ndjson", "00000000000000000002.ndjson"])
    }

    @Test(arguments: ["{\n}", "{\r}", ""]) func `a body of several lines or none is kept as base64, JSON or not`(
        _ body: String
    ) async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        var entry = LogFixture.entry(body)
        entry.isKnownJSON = true
        _ = try await log.append(entry)
        await log.close()
        let text = String(decoding: Files.bytes(fixture.path(1)), as: UTF8.self)
        #expect(text.contains(#""event_base64":"\#(Base64.encode(Array(body.utf8)))""#))
    }

    private func line(_ content: String, _ crc: UInt32) -> String {
        "\(content),\"crc\":\"\(Hex.string(crc))\"}\n"
    }
}

/// CRC-32C bit by bit, as its definition says.
enum NaiveCRC {
    static func checksum(_ text: String, seed: UInt32) -> UInt32 {
        var crc = ~seed
        for byte in text.utf8 {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }
}
