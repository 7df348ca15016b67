/// How pages speak of credits.
enum CreditsWords {
    static let note =
        "Credits are settled where CircleCI's usage export says so, and until then provisional: minutes at the rate card's "
        + "price of the machine that the job ran on before."

    static func share(settled: Int, provisional: Int) -> String {
        if provisional == 0 { return settled == 0 ? "none" : "all settled" }
        if settled == 0 { return "all provisional" }
        return "\(ReportText.credits(settled)) settled, \(ReportText.credits(provisional)) provisional"
    }
}
