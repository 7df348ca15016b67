import CircleCI
import Wire

/// What is to be settled through CircleCI's API.
struct ExportRequest: Sendable {
    /// Just these days, also where they are settled; nil: what is not settled, and what may have been corrected.
    var days: ClosedRange<Day>?
    /// Whether somebody asks: then what was refused or given up lately is tried again.
    var isByHand = false
}

/// Why something was not settled, as it is shown.
struct ExportProblem: Error, Hashable, Sendable {
    var code: String
    var message: String

    init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    init(_ error: CircleCIError) { self.init(code: error.code.rawValue, message: error.description) }
    init(_ error: MeterError) { self.init(code: error.code.rawValue, message: error.description) }
}

/// What was settled through CircleCI's API.
struct ExportReport: Sendable {
    struct Export: Sendable {
        var days: ClosedRange<Day>
        var startedAt: Timestamp
        var settlement: SettleReport
    }

    /// An export that came to nothing.
    struct Failure: Sendable {
        var days: ClosedRange<Day>
        var reason: String
    }

    var connection: String
    /// Those that are settled.
    var exports: [Export] = []
    var failures: [Failure] = []
    /// Why it ended before everything was settled.
    var problem: ExportProblem?
    /// Whether CircleCI has no usage exports for the organization and key.
    var isRefused = false
    /// The day through which everything is settled.
    var settledThrough: Day?

    /// Whether there was nothing to do.
    var isIdle: Bool { exports.isEmpty && failures.isEmpty && problem == nil }
}

/// What would be settled through CircleCI's API.
struct ExportOutlook: Sendable {
    var connection: String
    /// Exports that would be started, in this order.
    var slices: [ClosedRange<Day>]
    var underWay: [ExportPlan.UnderWay]
    /// What CircleCI said last, where it refused.
    var refusal: String?
}

extension ExportReport {
    /// `{"connection","at","exports":[{"from","to","started_at","files","rows","settled","corrected","confirmed","known",
    /// "credits"}],"failures":[{"from","to","reason"}],"problem":{"code","message"},"settled_through"}`; credits in
    /// thousandths.
    func write(to json: inout JSONWriter, at: Timestamp? = nil) {
        json.object { json in
            json.member("connection", connection)
            if let at { json.member("at", at.description) }
            json.member(
                "exports",
                array: { json in
                    for export in exports { json.object { export.write(to: &$0) } }
                }
            )
            json.member(
                "failures",
                array: { json in
                    for failure in failures {
                        json.object { json in
                            failure.days.write(to: &json)
                            json.member("reason", failure.reason)
                        }
                    }
                }
            )
            if let problem {
                json.member(
                    "problem",
                    object: { json in
                        json.member("code", problem.code)
                        json.member("message", problem.message)
                    }
                )
            }
            json.member("settled_through", settledThrough?.description)
        }
    }
}

extension ExportReport.Export {
    fileprivate func write(to json: inout JSONWriter) {
        let files = settlement.files
        days.write(to: &json)
        json.member("started_at", startedAt.description)
        json.member("files", files.count)
        json.member("rows", files.reduce(0) { $0 + $1.rows })
        json.member("settled", files.reduce(0) { $0 + $1.settled })
        json.member("corrected", files.reduce(0) { $0 + $1.corrected })
        json.member("confirmed", files.reduce(0) { $0 + $1.confirmed })
        json.member("known", files.reduce(0) { $0 + $1.known })
        json.member("credits", files.reduce(0) { $0 + $1.credits })
    }
}

extension ExportOutlook {
    /// `{"connection","planned":[{"from","to"}],"under_way":[{"from","to","started_at","looked_at"}],"refusal"}`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection)
            json.member(
                "planned",
                array: { json in
                    for slice in slices { json.object { slice.write(to: &$0) } }
                }
            )
            json.member(
                "under_way",
                array: { json in
                    for export in underWay {
                        json.object { json in
                            export.days.write(to: &json)
                            json.member("started_at", export.startedAt.description)
                            json.member("looked_at", export.lookedAt?.description)
                        }
                    }
                }
            )
            json.member("refusal", refusal)
        }
    }
}
