import Testing
import Usage
import Wire

@testable import Meter

/// The forms for a key lead step by step, and say what is wrong beside the field.
@Suite(.timeLimit(.minutes(5)))
struct ConnectionFormStepsTests {
    private static let tokens =
        "<a href=\"https://app.circleci.com/settings/user/tokens\" target=\"_blank\" rel=\"noreferrer\">"

    /// The attributes of the field of that name, and what stands between them and the field's end.
    private static func field(_ name: String, _ body: String) -> String {
        body.split(separator: "<input id=\"\(name)\"").last.map { String($0.prefix { $0 != ">" }) } ?? ""
    }

    @Test func `each form begins with where the key is made, and none marks a field before something is wrong`()
        async throws
    {
        try await ConnectionPageSite.run { site in
            let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: .now)
            try await site.add("acme", dead)
            try await site.add("globex", key: nil)
            let admin = try await site.signIn()
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let invited = try await site.visit("/connect/\(code)").body
            var pages = [invited]
            for path in ["/connections/new", "/connections/acme/reconnect", "/connections/globex/reconnect"] {
                pages.append(try await admin.get(path).body)
            }
            for page in pages {
                #expect(page.contains(Self.tokens) && page.contains("<ol class=\"guide\""))
                #expect(!page.contains(" aria-invalid=") && !page.contains("id=\"failure\""))
                let steps = ["Make a key at CircleCI", "Paste it here"].map { page.firstRange(of: $0)?.lowerBound }
                #expect(steps[0] != nil && steps[1] != nil && steps[0]! < steps[1]!)
            }
            #expect(pages[2].contains("Nothing: the time without a key is fetched as soon as you reconnect."))
            #expect(!pages[3].contains("Stands still") && pages[3].contains("Webhooks are taken and counted without"))
        }
    }

    @Test func `what is wrong stands beside its field, which names it, and the summary has the focus`() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let admin = try await site.signIn()
            let tomorrow = Timestamp.now.day.adding(days: 1).description
            let fields = ["id": "acme", "organization": "gh/acme", "api_key": "", "webhook_secret": "a long one"]
            let cases: [(path: String, fields: [String: String], field: String, problemID: String)] = [
                ("/connections/new", fields, "id", "id-problem"),
                ("/connections/new", fields.merging(["webhook_secret": ""]) { $1 }, "api_key", "key-problem"),
                ("/connections/acme/reconnect", ["api_key": "", "expires": tomorrow], "api_key", "key-problem"),
                ("/connections/acme/reconnect", ["api_key": "k", "expires": "soon"], "expires", "expires-problem"),
            ]
            for (path, fields, name, problemID) in cases {
                let page = try await admin.post(path, fields)
                #expect(page.status == 422)
                let field = Self.field(name, page.body)
                #expect(field.contains("aria-invalid=\"true\"") && field.contains("aria-describedby=\"\(problemID) "))
                #expect(page.body.contains("<p class=\"field-problem\" id=\"\(problemID)\">"), "\(path) \(name)")
                #expect(page.body.components("aria-invalid") == 1, "\(path) \(name)")
                #expect(page.body.contains("role=\"alert\" id=\"failure\" tabindex=\"-1\" autofocus>"))
                #expect(page.body.contains("<a href=\"#\(name)\">") && page.body.components("autofocus") == 1)
            }
        }
    }
}

extension String {
    /// How often a text is there.
    fileprivate func components(_ text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}
