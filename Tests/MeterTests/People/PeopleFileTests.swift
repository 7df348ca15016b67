import Testing
import Usage

@testable import Meter

/// What `people.json` may say, and what is said where it says something else.
struct PeopleFileTests {
    private func parse(_ text: String) throws(PeopleFileError) -> PeopleFile { try PeopleFile(Array(text.utf8)) }

    @Test func `every member may be left out`() throws {
        let empty = try parse("{}")
        #expect(empty.mode == .plain && empty.aliases.isEmpty && empty.bots.isEmpty && empty.notBots.isEmpty)
        let full = try parse(
            #"""
            {"mode":"pseudonymous","aliases":[{"name":"Ann","identities":["ANN@example.com","login:Ann","user:X"]}],
             "bots":["ci@example.com"],"not_bots":["renovate@example.com"]}
            """#
        )
        #expect(full.mode == .pseudonymous)
        #expect(full.aliases.map(\.name) == ["Ann"])
        #expect(full.aliases[0].identities.map(\.text) == ["ann@example.com", "login:ann", "user:X"])
        #expect(full.bots.map(\.text) == ["ci@example.com"])
        #expect(full.notBots.map(\.text) == ["renovate@example.com"])
    }

    @Test(arguments: [
        ("[]", "no object"), ("", "no JSON"), ("{} {}", "no JSON"), (#"{"mode":"open"}"#, "mode: unknown; known are"),
        (#"{"mode":1}"#, "mode: no text"), (#"{"modes":"plain"}"#, "modes: unknown"),
        (#"{"bots":[],"bots":[]}"#, "bots: is there twice"), (#"{"bots":"x"}"#, "bots: no array"),
        (#"{"bots":["x",""]}"#, "bots[1]: no text"), (#"{"aliases":[{"name":"A"}]}"#, "aliases[0].identities: missing"),
        (#"{"aliases":[{"identities":[]}]}"#, "aliases[0].name: missing"),
        (#"{"aliases":[{"name":"A","identities":[]},7]}"#, "aliases[1]: no object"),
        (#"{"aliases":[{"name":"A","identities":["login:"]}]}"#, "aliases[0].identities[0]: nothing after 'login:'"),
        (
            #"{"aliases":[{"name":"A","identities":["a@b.c"]},{"name":"B","identities":["A@b.c"]}]}"#,
            "aliases[1].identities[0]: stands at aliases[0].identities[0] already"
        ),
        (
            #"{"aliases":[{"name":"A","identities":[]},{"name":"A","identities":[]}]}"#,
            "aliases[1].name: aliases[0] has the same"
        ),
        (#"{"bots":["x"],"not_bots":["x"]}"#, "not_bots: 'x' is among 'bots', too"),
    ])
    func `a slip is named with its place`(_ text: String, _ message: String) {
        let error = #expect(throws: PeopleFileError.self) { try parse(text) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }
}
