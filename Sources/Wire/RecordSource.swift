/// Where a record on the log comes from.
public enum RecordSource: String, Sendable, CaseIterable {
    /// A delivery from CircleCI, signature and all.
    case webhook
    /// Found by the reconciler through the API, in the webhook's shape.
    case api
    /// A row of a usage export.
    case export
    /// The service's own events.
    case meter
}
