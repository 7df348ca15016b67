import FakeCircleCI
import NIOCore
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Access to the dashboard, part by part")
struct AccessTests {
    private let directory = TemporaryDirectory()
    private static let admin = "an-admin-token-for-tests"
    private static let viewer = "a-viewer-token-for-tests"

    private static func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

    @Test("Tokens of settings open their roles, and nothing else opens any")
    func tokens() throws {
        let tokens = try AccessTokens.load(
            admin: Self.admin + "\n",
            viewer: Self.viewer,
            dataDirectory: directory.path
        )
        #expect(tokens.role(of: Self.admin) == .admin)
        #expect(tokens.role(of: Self.viewer) == .viewer)
        for other in ["", Self.admin + "\n", Self.admin.uppercased(), String(Self.admin.dropLast()), Self.admin + "x"] {
            #expect(tokens.role(of: other) == nil)
        }
        #expect(try names(in: directory.path).isEmpty, "no file is made where the setting is given")
    }

    @Test("The first start makes a token, 0600, and the next start takes it")
    func tokenFile() throws {
        _ = try AccessTokens.load(admin: nil, viewer: nil, dataDirectory: directory.path)
        let path = directory.path("admin-token")
        #expect(try mode(of: path) == 0o600)
        let bytes = try #require(try PrivateFile.read(path, maximumBytes: 100))
        let token = String(decoding: bytes.dropLast(), as: UTF8.self)
        #expect(token.utf8.count == 64)
        let again = try AccessTokens.load(admin: nil, viewer: Self.viewer, dataDirectory: directory.path)
        #expect(again.role(of: token) == .admin)
        #expect(again.role(of: Self.viewer) == .viewer)
    }

    @Test(
        "Tokens that are short, have spaces or are the same twice are refused without being shown",
        arguments: [
            ("", nil), ("fifteen-letters", nil), ("with space in between", nil), ("with-\u{e9}-in-between", nil),
            (AccessTests.admin, ""), (AccessTests.admin, "short"), (AccessTests.admin, AccessTests.admin),
        ] as [(String, String?)]
    )
    func invalidTokens(_ admin: String, _ viewer: String?) {
        let error = expectError(.invalidToken) {
            try AccessTokens.load(admin: admin, viewer: viewer, dataDirectory: directory.path)
        }
        #expect(error?.location == (viewer == nil ? "CIRCLEMETER_ADMIN_TOKEN" : "CIRCLEMETER_VIEWER_TOKEN"))
        if !admin.isEmpty { #expect(error.map { !"\($0)".contains(admin) } == true) }
    }

    @Test("No description shows a token or its digest")
    func nothingShown() throws {
        let tokens = try AccessTokens.load(admin: Self.admin, viewer: nil, dataDirectory: directory.path)
        var shown = "\(tokens) \(String(reflecting: tokens))"
        dump(tokens, to: &shown)
        #expect(!shown.contains(Self.admin))
        #expect(!shown.contains("\(Randomness.sha256(Array(Self.admin.utf8))[0]), "))
    }

    @Test("A ticket counts until it expires, or is redeemed once")
    func tickets() {
        let tickets = Tickets<Int>(lifetimeSeconds: 10, maximumCount: 100)
        let first = tickets.issue(1, at: Self.at(0))
        let second = tickets.issue(2, at: Self.at(5))
        #expect(first != second)
        #expect(tickets.value(of: first, at: Self.at(9)) == 1)
        #expect(tickets.value(of: first, at: Self.at(10)) == nil)
        #expect(tickets.redeem(first, at: Self.at(10)) == nil)
        #expect(tickets.redeem(second, at: Self.at(14)) == 2)
        #expect(tickets.redeem(second, at: Self.at(14)) == nil)
        #expect(tickets.value(of: "", at: Self.at(0)) == nil)
    }

    @Test("Tickets are bounded; the one that expires first makes room")
    func boundedTickets() {
        let tickets = Tickets<Int>(lifetimeSeconds: 10, maximumCount: 3)
        let texts = (0..<5).map { tickets.issue($0, at: Self.at(Int64($0))) }
        #expect(texts.map { tickets.value(of: $0, at: Self.at(5)) } == [nil, nil, 2, 3, 4])
    }

    @Test("Ten failed attempts a minute from one place, and none is looked at until the minute is over")
    func failedAttempts() {
        let attempts = FailedAttempts(maximumCount: 10, maximumPlaces: 2)
        for _ in 0..<9 { attempts.failed("a", at: Self.at(0)) }
        #expect(attempts.secondsToWait("a", at: Self.at(1)) == nil)
        attempts.failed("a", at: Self.at(1))
        #expect(attempts.secondsToWait("a", at: Self.at(1)) == 59)
        #expect(attempts.secondsToWait("b", at: Self.at(1)) == nil)
        #expect(attempts.secondsToWait("a", at: Self.at(60)) == nil)
        attempts.failed("a", at: Self.at(60))
        #expect(attempts.secondsToWait("a", at: Self.at(61)) == nil, "a new minute counts anew")
    }

    @Test("The count of failed attempts is bounded")
    func boundedAttempts() {
        let attempts = FailedAttempts(maximumCount: 1, maximumPlaces: 2)
        for (index, place) in ["a", "b", "c"].enumerated() { attempts.failed(place, at: Self.at(Int64(index))) }
        #expect(attempts.secondsToWait("a", at: Self.at(3)) == nil)
        #expect(attempts.secondsToWait("b", at: Self.at(3)) != nil)
        #expect(attempts.secondsToWait("c", at: Self.at(3)) != nil)
    }

    @Test("A form's fields are decoded as browsers encode them")
    func formFields() {
        let fields = FormFields(.init(string: "a=1&b=x+y%26%3D%C3%A9&c=&d&a=2&e=%zz&f=%ff&=g"))
        #expect(fields["a"] == "1")
        #expect(fields["b"] == "x y&=\u{e9}")
        #expect(fields["c"] == "")
        #expect(fields["d"] == "")
        #expect(fields["e"] == nil)
        #expect(fields["f"] == nil)
        #expect(fields[""] == "g")
    }

    @Test("Form fields by chance crash nothing")
    func formFieldsByChance() {
        let seed = TestSeed.of(round: 0)
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("a%&=+2F\u{e9}".utf8)
        for _ in 0..<1000 {
            let length = Int.random(in: 0...20, using: &generator)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &generator)! }
            _ = FormFields(.init(bytes: bytes))["a"]
        }
    }

    @Test("Hosts are compared without port, case and the dot at their end")
    func hosts() {
        func host(_ authority: String) -> String { HostMiddleware<DashboardContext>.host(of: authority) }
        #expect(host("LocalHost:8081") == "localhost")
        #expect(host("localhost.") == "localhost")
        #expect(host("[::1]:8081") == "[::1]")
        #expect(host("[::1]") == "[::1]")
        #expect(host("127.0.0.1") == "127.0.0.1")
        #expect(host("evil.example:80@localhost") != "localhost")
        #expect(host("") == "")
    }

    @Test("Pages escape every value, also where marks combine with quotes")
    func escaping() throws {
        let template = "{{<layout}}{{$body}}<a title=\"{{v}}\">{{#list}}{{.}}{{/list}}</a>{{>part}}{{/body}}{{/layout}}"
        let pages = try Pages(templates: [
            "layout": Array("<b>{{$body}}{{/body}}</b>".utf8),
            "part": Array("<i>{{v}}</i>".utf8),
            "page": Array(template.utf8),
        ])
        let html = try pages.html("page", ["v": "\"\u{301}<'&>", "list": ["<script>"]] as [String: Any])
        let escaped = "&quot;\u{301}&lt;&#39;&amp;&gt;"
        #expect(html == "<b><a title=\"\(escaped)\">&lt;script&gt;</a><i>\(escaped)</i></b>")
    }

    @Test("Every template of the program parses, and an unknown one is an error")
    func templates() throws {
        let pages = try Pages()
        expectError(.invalidTemplate) { try pages.html("none", [:] as [String: String]) }
        let error = expectError(.invalidTemplate) { try Pages(templates: ["bad": Array("{{#a}}".utf8)]) }
        #expect(error?.location == "bad")
    }
}
