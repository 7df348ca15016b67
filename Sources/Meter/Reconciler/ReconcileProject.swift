import Usage

/// A project that is compared with CircleCI.
struct ReconcileProject: Hashable, Sendable {
    /// CircleCI's id, as in the rows.
    var id: String
    /// The long form.
    var slug: String
    var name: String
    var organizationID: String?

    init(id: String, slug: String, name: String, organizationID: String? = nil) {
        self.id = id
        self.slug = slug
        self.name = name
        self.organizationID = organizationID
    }
}

extension Reconciliation.OpenPipeline {
    /// By creation: the work goes on where it was left.
    static func isBefore(_ first: Self, _ second: Self) -> Bool {
        (first.createdAt, first.number, first.id) < (second.createdAt, second.number, second.id)
    }
}
