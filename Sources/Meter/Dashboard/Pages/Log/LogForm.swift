import Wire

/// The form above the records, which asks for others.
struct LogForm {
    struct Input {
        let name: String
        let label: String
        let type: String
        let value: String
    }

    let fields: [ReportForm.Field]
    let inputs: [Input]
    /// Kept while other things are chosen; nil: records are followed.
    let follow: String?

    private static let types = [
        "job-completed", "workflow-completed", "ping", "job-settled", "usage-confirmed", "usage-settled",
        "job-described", "connection-changed", "project-reconciled", "rate-card-changed", "person-erased",
    ]
    private static let statuses = ["success", "failed", "error", "canceled", "unauthorized"]

    /// - Parameter values: What was asked with.
    init(_ values: [String: String], connections: [String], follow: String?) {
        self.follow = follow
        fields = [
            LogForm.field("connection", "Connection", connections, values),
            LogForm.field("source", "Source", RecordSource.allCases.map(\.rawValue), values),
            LogForm.field("type", "Event", LogForm.types, values),
            LogForm.field("status", "Status", LogForm.statuses, values),
        ]
        inputs = [
            Input(name: "project", label: "Project", type: "text", value: values["project"] ?? ""),
            Input(name: "run", label: "Job or workflow id", type: "text", value: values["run"] ?? ""),
            Input(name: "from", label: "From (UTC)", type: "date", value: values["from"] ?? ""),
            Input(name: "to", label: "To (UTC)", type: "date", value: values["to"] ?? ""),
        ]
    }

    /// What was asked for is among the choices even where it is none of the usual ones.
    private static func field(
        _ name: String,
        _ label: String,
        _ usual: [String],
        _ values: [String: String]
    ) -> ReportForm.Field {
        let chosen = values[name] ?? ""
        let all = chosen.isEmpty || usual.contains(chosen) ? usual : usual + [chosen]
        return ReportForm.Field(
            name: name,
            label: label,
            choices: [ReportForm.Choice(value: "", title: "all", isChosen: chosen.isEmpty)]
                + all.map { ReportForm.Choice(value: $0, title: $0, isChosen: $0 == chosen) }
        )
    }
}
