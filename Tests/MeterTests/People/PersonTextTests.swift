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
        // However it is spelled.
        (#"{"e":["\u0061nn\u0040example.com"]}"#, #"{"e":["*************************"]}"#),
        (#"{"e":"ann@example\u002ecom\u002e"}"#, #"{"e":"********************\u002e"}"#),
        // Also where the body is no JSON.
        ("ann@example.com is no JSON", "*************** is no JSON"),
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
            #"{"usage":{"user":{"id":"5c4a-1"}},"columns":{"x":"5C4A-1","y":"15c4a-1"}}"#, "user:5c4a-1",
            #"{"usage":{"user":{"id":"******"}},"columns":{"x":"******","y":"15c4a-1"}}"#
        ),
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

    @Test(arguments: ["", "a", "login:", "login:x", "user:"])
    func `what is too short is nobody`(_ text: String) {
        #expect(PersonText(PersonIdentity(text)) == nil)
    }
}
