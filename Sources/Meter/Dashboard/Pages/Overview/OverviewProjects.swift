import Usage

extension Overview {
    struct Project {
        let connection: String
        /// The slug.
        let project: String
        /// The display name where the slug does not show it; nil otherwise.
        let name: String?
        /// Its workflows and jobs.
        let usagePath: String
        let runs: String
        let success: String
        let failed: String
        let canceled: String
        let other: String
        let minutes: String
        let credits: String
        let p50: String
        let p95: String
    }

    /// Rows of a table beyond which the rest is only counted.
    static let maximumProjects = 100

    static func projects(_ counts: OverviewCounts, in snapshot: Snapshot) -> [Project] {
        // A slug may be known to several connections.
        let hasSeveral = Set(counts.projects.map(\.connection)).count > 1
        return counts.projects.prefix(maximumProjects).map { counted in
            let name = snapshot.projectName(connection: counted.connection, slug: counted.project)
            let totals = counted.totals
            return Project(
                connection: counted.connection,
                project: counted.project,
                name: name.isEmpty || counted.project.hasSuffix("/" + name) ? nil : name,
                usagePath: path(
                    ["connection": hasSeveral ? counted.connection : ""],
                    under: "/usage",
                    adding: ["project": counted.project, "group_by": "workflow,job"]
                ),
                runs: grouped(totals.runs),
                success: totals.successShare,
                failed: grouped(totals.failed),
                canceled: grouped(totals.canceled),
                other: grouped(totals.other),
                minutes: grouped(totals.durationMilliseconds / 60_000),
                credits: ReportText.credits(totals.credits),
                p50: duration(totals.durations.percentile(50)),
                p95: duration(totals.durations.percentile(95))
            )
        }
    }
}
