/// The places where bytes of others come in, each with what must hold for any bytes at all.
///
/// The suite replays `fixtures/fuzz` with them; `scripts/fuzz` lets libFuzzer look for bytes that they find fault with.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// A webhook's body, to what the reducer makes of it.
    case event
    /// Any JSON, against Foundation.
    case json
    /// A line of the log.
    case line
    /// The log's files, when the log is opened.
    case recovery
    /// The header `circleci-signature`.
    case signature
    /// A usage export.
    case usageExport = "usage-export"
    /// What CircleCI's API answers.
    case answer
    /// The query of a report's address.
    case query

    /// - Throws: what is wrong; the process ends where the code under test traps.
    func check(_ bytes: UnsafeRawBufferPointer) throws {
        switch self {
        case .event: try EventTarget.check(bytes)
        case .json: try JSONTarget.check(bytes)
        case .line: try LineTarget.check(bytes)
        case .recovery: try RecoveryTarget.check(bytes)
        case .signature: try SignatureTarget.check(bytes)
        case .usageExport: try UsageExportTarget.check(bytes)
        case .answer: try AnswerTarget.check(bytes)
        case .query: try QueryTarget.check(bytes)
        }
    }
}

/// What a target found wrong with an input.
struct Finding: Error, CustomStringConvertible {
    let description: String
}

func require(_ isTrue: Bool, _ problem: @autoclosure () -> String) throws(Finding) {
    guard isTrue else { throw Finding(description: problem()) }
}
