import Foundation
import TestSupport
import Testing
import Usage

@testable import Meter

/// Which texts of a body are a person's.
struct PersonTextTests {
    /// The body with an asterisk for each byte that is to be erased.
    private func masked(_ body: String, _ identity: String) throws -> String {
        let person = try #require(PersonText(PersonIdentity(identity)))
        var bytes = Array(body.utf8)
        for place in bytes.withUnsafeBytes({ person.places(in: $0) }) {
            for index in place { bytes[index] = UInt8(ascii: "*") }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        // The address, its name beside it, and nobody else's.
        (
            #"{"author":{"name":"Ann","email":"Ann@Example.com"},"committer":{"name":"Bo","email":"bo@example.com"}}"#,
            #"{"author":{"name":"***","email":"***************"},"committer":{"name":"Bo","email":"bo@example.com"}}"#
        ),
        (
            #"{"commit_author_name":"Ann","commit_author_email":"ann@example.com","branch":"Ann","user_username":"Ann"}"#,
            #"{"commit_author_name":"***","commit_author_email":"***************","branch":"Ann","user_username":"***"}"#
        ),
        // Inside other texts, with the name before it.
        (
            #"{"body":"Fix.\n\nSigned-off-by: Ann Doe <ann@example.com>\nSee joann@example.com, ann@example.com.au"}"#,
            #"{"body":"Fix.\n\nSigned-off-by: ******* <***************>\nSee joann@example.com, ann@example.com.au"}"#
        ),
        (#"{"subject":"Ask ann@example.com."}"#, #"{"subject":"Ask ***************."}"#),
        (#"{"subject":"x\nann@example.com"}"#, #"{"subject":"x\n***************"}"#),
        (
            #"{"subject":"ann+ci@example.com, x+ann@example.com"}"#,
            #"{"subject":"ann+ci@example.com, x+ann@example.com"}"#
        ),
        // What only ends or begins like it.
        (
            #"{"author":{"email":"!ann@example.com"},"subject":"o'ann@example.com, 'ann@example.com'"}"#,
            #"{"author":{"email":"!ann@example.com"},"subject":"o'ann@example.com, '***************'"}"#
        ),
        (#"{"branch":"users/ann@example.com/fix"}"#, #"{"branch":"users/***************/fix"}"#),
        (
            #"{"subject":"“ann@example.com” 联系ann@example.com。"}"#,
            #"{"subject":"“***************” 联系***************。"}"#
        ),
        // However it is spelled.
        (#"{"e":["\u0061nn\u0040example.com"]}"#, #"{"e":["*************************"]}"#),
        (#"{"e":"ann@example\u002ecom\u002e"}"#, #"{"e":"********************\u002e"}"#),
        // Also where the body is no JSON.
        ("ann@example.com is no JSON", "*************** is no JSON"),
        (
            #"x\u003cann\u0040example.com\u003e\nANN@example.com"#,
            #"x\u003c********************\u003e\n***************"#
        ),
    ])
    func `an address goes with the name beside it`(_ body: String, _ expected: String) throws {
        #expect(try masked(body, "ann@example.com") == expected)
    }

    @Test(arguments: [
        (
            #"{"trigger":{"actor":{"login":"ANN"}},"branch":"ann","job":{"name":"ann"}}"#, "login:ann",
            #"{"trigger":{"actor":{"login":"***"}},"branch":"ann","job":{"name":"ann"}}"#
        ),
        (
            #"{"usage":{"user":{"id":"0C6e2f4a-1d2b-4c3d-8e9f-001122334455"}},"x":"0c6e2f4a-1d2b-4c3d-8e9f-001122334455"}"#,
            "user:0c6e2f4a-1d2b-4c3d-8e9f-001122334455",
            #"{"usage":{"user":{"id":"************************************"}},"x":"************************************"}"#
        ),
        // An id that could be anything is looked for as a user only.
        (
            #"{"usage":{"user":{"id":"ANN"}},"user":{"id":"ann"},"slug":"github/ann/repo"}"#,
            "user:ann",
            #"{"usage":{"user":{"id":"***"}},"user":{"id":"ann"},"slug":"github/ann/repo"}"#
        ),
        (
            #"{"happened_at":"2026-11-02T10:00:00Z","usage":{"user":{"id":"2026"}}}"#, "user:2026",
            #"{"happened_at":"2026-11-02T10:00:00Z","usage":{"user":{"id":"****"}}}"#
        ),
        // Small letters are not those of ASCII alone.
        (#"{"subject":"by: JÖRG@example.com"}"#, "jörg@example.com", #"{"subject":"by: *****************"}"#),
        (
            #"{"author":{"name":"Ann","email":null},"committer":{"name":"Ann","email":"a@b.c"},"job":{"name":"Ann"}}"#,
            "Ann",
            #"{"author":{"name":"***","email":null},"committer":{"name":"Ann","email":"a@b.c"},"job":{"name":"Ann"}}"#
        ),
        (
            #"{"commit_author_name":"J\u00f6rg \"J\" X","commit_author_email":""}"#, #"Jörg "J" X"#,
            #"{"commit_author_name":"*****************","commit_author_email":""}"#
        ),
    ])
    func `a login, a user and a name go where they stand for somebody`(
        _ body: String,
        _ identity: String,
        _ expected: String
    ) throws {
        #expect(try masked(body, identity) == expected)
    }

    @Test func `a file is searched with its escapes, and one that cannot be read is not taken for searched`() throws {
        let directory = TemporaryDirectory()
        let person = try #require(PersonText(PersonIdentity("ann@example.com")))
        let path = directory.path("file")
        for (text, isHeld) in [
            (#"\u003cann@example.com\u003e"#, true), (#"x\nann@example.com"#, true), ("“ann@example.com”", true),
            ("joann@example.com", false),
        ] {
            try Data(text.utf8).write(to: URL(filePath: path))
            #expect(try TextFiles.holds(path, person) == isHeld, "\(text)")
        }
        #expect(try !TextFiles.holds(directory.path("none"), person))
        #expect(throws: (any Error).self) { try TextFiles.holds("\(path)/below", person) }
    }

    @Test(arguments: ["", "a", "login:", "login:x", "user:"])
    func `what is too short is nobody`(_ text: String) {
        #expect(PersonText(PersonIdentity(text)) == nil)
    }
}
