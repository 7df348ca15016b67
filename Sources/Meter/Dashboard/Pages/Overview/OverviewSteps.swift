extension Overview {
    /// What stands in the place of the numbers before the first of them.
    struct Step {
        let stepTitle: String
        let stepText: String
        let isDone: Bool
        /// What is to be done now; for who may do it.
        var stepPath: String?
        var stepWord: String?
    }

    /// The way to the first counters.
    ///
    /// - Parameter hasDeliveries: whether a webhook has brought anything yet.
    static func steps(hasConnections: Bool, hasDeliveries: Bool, isAdmin: Bool) -> [Step] {
        var connect = Step(
            stepTitle: "Connect an organization",
            stepText: isAdmin
                ? "With an API key circlemeter sets up the webhooks itself; without one you set them up at CircleCI."
                : "An admin does this on the page Connections.",
            isDone: hasConnections
        )
        if isAdmin, !hasConnections {
            connect.stepPath = "/connections/new"
            connect.stepWord = "Connect an organization"
        }
        return [
            connect,
            Step(
                stepTitle: "Webhooks arrive",
                stepText: "CircleCI tells of each job and workflow when it ends. The page Connections says which "
                    + "project has its webhook.",
                isDone: hasDeliveries
            ),
            Step(
                stepTitle: "The first counters",
                stepText: "They stand here a second after the first job has ended. This page renews itself.",
                isDone: false
            ),
        ]
    }
}
