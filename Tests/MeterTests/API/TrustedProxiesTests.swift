import FakeCircleCI
import HTTPTypes
import NIOHTTP1
import TestSupport
import Testing

@testable import Meter

/// Whose address counts where proxies stand between.
struct TrustedProxiesTests {
    private static func proxies(_ text: String) throws -> TrustedProxies {
        try TrustedProxies(text, setting: "trusted-proxy")
    }

    private static func fields(_ fields: [(String, String)]) -> HTTPFields {
        var headers = HTTPFields()
        for (name, value) in fields { headers.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        return headers
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false), ("2001:db8::/33", "2001:db8:7fff::1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false), ("0.0.0.0/0", "192.0.2.1", true), ("0.0.0.0/0", "::1", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true), ("192.0.2.0/24", "::ffff:192.0.2.9", true),
    ])
    func `what a range holds`(_ range: String, _ address: String, _ isIn: Bool) throws {
        let address = try #require(IPAddress(address))
        #expect(try TrustedProxiesTests.proxies(range).contains(address) == isIn)
    }

    @Test(arguments: [
        "", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/", "2001:db8::/129", "proxy.example",
        "10.0.0.0/8,", "10.0.0/8", "10.0.0.0 10.0.0.1",
    ])
    func `what is no range is refused by the setting's name`(_ text: String) {
        let error = #expect(throws: MeterError.self) { try TrustedProxiesTests.proxies(text) }
        #expect(error?.code == .invalidSetting && error?.location == "trusted-proxy")
    }

    @Test(arguments: [
        ([("x-forwarded-for", "203.0.113.7")], "203.0.113.7"),
        ([("x-forwarded-for", "1.1.1.1, 203.0.113.7")], "203.0.113.7"),
        ([("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.0.0.2")], "203.0.113.7"),
        ([("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7:4711")], "203.0.113.7"),
        ([("x-forwarded-for", "[2001:db8::7]:4711")], "2001:db8::7"), ([("x-forwarded-for", "10.0.0.3")], "10.0.0.3"),
        ([("x-forwarded-for", "1.1.1.1, unknown")], "10.0.0.1"),
        ([("x-forwarded-for", "1.1.1.1, unknown, 10.0.0.2")], "10.0.0.2"),
        ([("forwarded", "for=1.1.1.1, for=\"[2001:db8::7]:4711\";proto=https")], "2001:db8::7"),
        ([("forwarded", "for=1.1.1.1, for=_hidden")], "10.0.0.1"),
        ([("forwarded", "for=203.0.113.7"), ("x-forwarded-for", "1.1.1.1")], "10.0.0.1"), ([], "10.0.0.1"),
    ])
    func `the right-most address that is no proxy's is the client's`(_ headers: [(String, String)], _ client: String)
        throws
    {
        let proxies = try TrustedProxiesTests.proxies("10.0.0.0/8")
        #expect(proxies.client(peer: "10.0.0.1", TrustedProxiesTests.fields(headers)).address == client)
    }

    @Test func `https is believed of a proxy, of its own hop`() throws {
        let proxies = try TrustedProxiesTests.proxies("10.0.0.0/8")
        func isSecure(_ peer: String, _ name: String, _ value: String) -> Bool {
            proxies.client(peer: peer, TrustedProxiesTests.fields([(name, value)])).isSecure
        }
        #expect(isSecure("10.0.0.1", "x-forwarded-proto", "https"))
        #expect(!isSecure("10.0.0.1", "x-forwarded-proto", "https, http"))
        #expect(isSecure("10.0.0.1", "forwarded", "for=1.1.1.1;proto=HTTPS"))
        #expect(!isSecure("11.0.0.1", "x-forwarded-proto", "https"))
    }

    @Test(arguments: 0..<4)
    func `what a client writes moves its address only left of the one that a proxy appended`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let proxies = try TrustedProxiesTests.proxies("10.0.0.0/8,2001:db8::/32")
        let written = [
            "1.1.1.1", "10.0.0.9", "2001:db8::1", "unknown", "", "x y", "\"", "[::1", "for=2.2.2.2", "::1%25",
        ]
        for _ in 0..<500 {
            let lies = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                written.randomElement(using: &generator)!
            }.joined(separator: ",")
            let peer = ["192.0.2.1", "2001:db9::1", "local"].randomElement(using: &generator)!
            for name in ["x-forwarded-for", "forwarded", "x-forwarded-host", "x-forwarded-proto"] {
                let client = proxies.client(peer: peer, TrustedProxiesTests.fields([(name, lies)]))
                #expect(client == .init(address: peer), "seed \(seed): \(name): \(lies)")
            }
            let behind = TrustedProxiesTests.fields([("x-forwarded-for", lies), ("x-forwarded-for", "203.0.113.7")])
            #expect(proxies.client(peer: "10.0.0.1", behind).address == "203.0.113.7", "seed \(seed): \(lies)")
        }
    }

    @Test func `an address of IPv6 counts as its network, one of IPv4 as itself`() {
        #expect(IPAddress.place(of: "2001:db8:0:1::7") == "2001:db8:0:1::/64")
        #expect(IPAddress.place(of: "2001:db8:0:1:ffff::") == "2001:db8:0:1::/64")
        #expect(IPAddress.place(of: "192.0.2.1") == "192.0.2.1")
        #expect(IPAddress.place(of: "::ffff:192.0.2.1") == "192.0.2.1")
        #expect(IPAddress.place(of: "local") == "local")
    }

    @Test func `wrong tokens are counted by the client that a trusted proxy names`() async throws {
        for (trusted, isSeen) in [("127.0.0.1", true), ("192.0.2.1", false)] {
            let live = try await LiveService { $0.trustedProxies = try TrustedProxiesTests.proxies(trusted) }
            let client = APIClient(live: live)
            func status(_ address: String, _ token: String? = nil) async throws -> Int {
                let token = token.map { [("authorization", "Bearer \($0)")] } ?? []
                return try await client.ask(.GET, "/metrics", [("x-forwarded-for", address)] + token).status
            }
            for attempt in 0..<10 {
                let address = isSeen ? "203.0.113.7" : "203.0.113.\(attempt)"
                #expect(try await status(address, "wrong-token-of-nobody") == 401)
            }
            #expect(try await status("203.0.113.7") == 429)
            #expect(try await status("203.0.113.99") == (isSeen ? 200 : 429))
            await live.stop()
        }
    }
}
