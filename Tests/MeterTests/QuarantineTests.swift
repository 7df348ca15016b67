import Glibc
import NIOHTTP1
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Quarantine of deliveries")
struct QuarantineTests {
    @Test(
        "A signed body that is no JSON object is kept in quarantine, once",
        arguments: [
            ("", "unexpected_end"), ("[1]", "not_an_object"), ("7", "not_an_object"), ("null", "not_an_object"),
            ("{\"id\":\"e1\"", "unexpected_end"), ("{}{}", "unexpected_byte"), ("payload=%7B%7D", "unexpected_byte"),
            ("{\"a\":\"\u{1}\"}", "control_character"),
        ]
    )
    func quarantined(_ text: String, _ reason: String) async throws {
        try await RunningReceiver.run { receiver in
            let body = Array(text.utf8)
            for _ in 0..<2 {
                let answer = try await receiver.deliver(body)
                #expect(answer.status == 202)
                #expect(answer.body == #"{"status":"quarantined"}"#)
            }
            let kept = try await receiver.quarantine.list()
            #expect(kept.count == 1)
            #expect(kept.first?.delivery.body == body)
            #expect(kept.first?.delivery.reason == reason)
            #expect(kept.first?.delivery.connection == "acme")
            #expect(kept.first?.delivery.signature == receiver.signature(body))
            #expect(kept.first?.delivery.receivedAt == RunningReceiver.clock)
            #expect(receiver.log.entries.isEmpty)
            #expect(receiver.count(#"outcome="quarantined""#) == 2)
            let directory = receiver.directory.path + "/quarantine"
            let name = try #require(try names(in: directory).first)
            #expect(name.hasPrefix("20261122T081608.123Z-"))
            #expect(try mode(of: directory + "/" + name) == 0o600)
            #expect(try mode(of: directory) == 0o700)
        }
    }

    @Test("A body that is not UTF-8 is kept in quarantine byte for byte, also over a restart")
    func quarantinedBytes() async throws {
        try await RunningReceiver.run { receiver in
            let body: [UInt8] = [0x7b, 0x22, 0xff, 0x00, 0x22, 0x7d]
            #expect(try await receiver.deliver(body).status == 202)
            let again = try Quarantine.open(dataDirectory: receiver.directory.path)
            #expect(again.count == 1)
            var delivery = try #require(try await again.list().first?.delivery)
            #expect(delivery.body == body)
            delivery.receivedAt = Timestamp(microseconds: delivery.receivedAt.microseconds + 60_000_000)
            try await again.keep(delivery)
            #expect(try await again.list().count == 1)
        }
    }

    @Test("A delivery that quarantine cannot keep is answered 503")
    func quarantineUnavailable() async throws {
        try await RunningReceiver.run { receiver in
            // A file where the directory was: nothing can be written into it.
            let directory = receiver.directory.path + "/quarantine"
            #expect(rmdir(directory) == 0)
            try PrivateFile.replace(directory, with: [])
            let answer = try await receiver.deliver([1])
            #expect(answer.status == 503)
            #expect(answer.body.hasPrefix(#"{"error":{"code":"log_unavailable","#))
            #expect(answer.headers.first(name: "retry-after") == "10")
        }
    }
}
