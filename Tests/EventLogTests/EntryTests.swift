import EventLog
import Testing
import Wire

struct EntryTests {
    @Test(arguments: ["", "Acme", "-a", "a b", "a\"b", "ä", String(repeating: "a", count: 64)])
    func aConnectionThatIsNoIdIsRefused(connection: String) async throws {
        let log = try LogFixture().open()
        var entry = LogFixture.entry("1")
        entry.connection = connection
        do throws(LogError) {
            Issue.record("\(try await log.append(entry))")
        } catch {
            #expect(error.code == .invalidEntry)
        }
        await log.close()
    }

    @Test(
        arguments: [
            "{}", " {\"a\":[1,2]} ", "\t1", "null", "{\"a\":1,\"a\":2}", "{\"crc\":\"00000000\"}", "", "{", "a\nb",
            "{\n}",
            "{\r}", "\u{feff}{}", "\u{0}", "{\"sequence\":2,\"batch\":2,", String(repeating: "[", count: 300),
        ]
    )
    func everyBodyComesBackByteForByte(body: String) async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        var invalid = Array(body.utf8)
        invalid.append(0xff)
        _ = try await log.append(LogFixture.entry(body, signature: "v1=a,\\\"\u{1}\t\u{e9}"))
        _ = try await log.append(LogFixture.entry(invalid))
        await log.close()
        var bodies: [[UInt8]] = []
        var signatures: [String?] = []
        try LogReader(directory: fixture.directory).read(after: nil) { item in
            guard case .record(let record) = item else {
                Issue.record("\(item)")
                return true
            }
            bodies.append(record.withBody { Array($0) })
            signatures.append(record.signature)
            #expect(record.connection == "acme" && record.source == .webhook && record.receivedAt == LogFixture.time)
            return true
        }
        #expect(bodies == [Array(body.utf8), invalid])
        #expect(signatures == ["v1=a,\\\"\u{1}\t\u{e9}", nil])
        let lines = Files.bytes(fixture.path(1)).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 3)
        #expect(
            lines.dropLast().allSatisfy { line in line.withUnsafeBytes { JSONScanner.isObject($0) } || body.count == 300
            }
        )
    }
}
