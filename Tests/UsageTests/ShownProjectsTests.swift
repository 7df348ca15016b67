import Testing
import Usage
import Wire

/// Which texts' rows are shown otherwise when a project is seen under another slug.
struct ShownProjectsTests {
    private func sighting(_ id: String, _ slug: String, at seconds: Int64) -> ProjectName {
        ProjectName(
            connection: "acme",
            id: id,
            slug: slug,
            name: "",
            lastSeen: Timestamp(microseconds: seconds * 1_000_000)
        )
    }

    @Test func `a rename changes the project's own texts and none of another's`() {
        let before = ShownProjects([sighting("p", "github/o/a", at: 1), sighting("q", "github/o/b", at: 1)])
        let after = ShownProjects([
            sighting("p", "github/o/a", at: 1), sighting("q", "github/o/b", at: 1), sighting("p", "github/o/c", at: 2),
        ])
        let changed = after.changed(since: before)
        #expect(changed.contains("p") && changed.contains("github/o/c"))
        #expect(!changed.contains("q") && !changed.contains("github/o/b"))
        #expect(before.changed(since: before).isEmpty)
    }

    @Test func `slugs that are equal in other bytes only are two`() {
        let (composed, decomposed) = ("github/o/\u{e9}", "github/o/e\u{301}")
        #expect(composed == decomposed)
        let before = ShownProjects([sighting("p", composed, at: 1)])
        let after = ShownProjects([sighting("p", composed, at: 1), sighting("p", decomposed, at: 2)])
        #expect(after.changed(since: before).contains("p"))
    }
}
