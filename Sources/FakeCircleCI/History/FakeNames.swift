/// Invented names. None of a person.
enum FakeNames {
    static let organizations = ["acme", "northgate", "quarry", "lantern", "copperfield", "saltworks", "millrace"]
    static let repositories = [
        "webshop", "billing-api", "mobile-app", "infrastructure", "design-system", "search", "data-pipeline",
        "documentation", "gateway", "notifications",
    ]
    static let branches = [
        "feature/checkout", "fix/rounding", "renovate/all-minor", "release/2.4", "develop", "spike/new-parser",
        "feature/search-filters", "hotfix/login",
    ]
    static let subjects = [
        "Round amounts half up", "Update dependencies", "Show the total before tax", "Fix the flaky upload test",
        "Cache the compiled templates", "Remove the old importer", "Retry on a lost connection",
    ]
    static let bodies = ["", "More details about the change", "Closes an issue.\n\nThe tests ran with\tboth versions."]

    static let odd = [
        "deploy 🚀 → production",
        "<script>alert(\"1\")</script>",
        "it's \"quoted\" & <b>bold</b>",
        "בדיקה של עץ ראשי",
        "تجربة \u{202e}abc\u{202c}",
        "tab\there, line\nbreak, back\\slash",
        "=1+1,\"comma\";semicolon",
        "../../etc/{{name}}/%2e%2e",
        "Grüße aus Köln, 東京, e\u{301}",
        "👩‍👩‍👧‍👦\u{200b}",
        " leading and trailing ",
        String(repeating: "a-rather-long-name-", count: 20) + "end",
    ]

    /// Words that the API has for jobs and the webhook's documentation has not.
    static let unknownStatuses = ["timedout", "infrastructure_fail", "terminated-unknown"]

    static func person(_ number: Int) -> (name: String, email: String) {
        ("dev-\(number)", "dev-\(number)@example.com")
    }
}
