import Usage

extension Snapshot {
    /// The table with a column `project_name` behind the project's slug, where there is one: slugs of projects of the App
    /// kind say nothing to people. Empty where the slug shows the name.
    func namingProjects(_ table: ReportTable) -> ReportTable {
        guard let project = table.column("project") else { return table }
        let connection = table.column("connection")
        var named = table
        named.insert(ReportTable.Column("project_name", .text, "Project name"), at: project + 1) { row in
            guard case .text(let slug) = row[project] else { return .none }
            var id: String?
            if let connection, case .text(let text) = row[connection] { id = text }
            return ReportTable.Value(projectDisplayName(slug, connection: id))
        }
        return named
    }

    /// What people call a project: its display name where the slug does not show it, else the slug.
    func projectTitle(_ slug: String, connection: String?) -> String {
        projectDisplayName(slug, connection: connection) ?? slug
    }

    private func projectDisplayName(_ slug: String, connection: String?) -> String? {
        let ids = connection.map { [$0] } ?? connections.map(\.state.connection)
        let name = ids.lazy.map { self.projectName(connection: $0, slug: slug) }.first { !$0.isEmpty }
        return name.flatMap { slug.hasSuffix("/" + $0) ? nil : $0 }
    }
}
