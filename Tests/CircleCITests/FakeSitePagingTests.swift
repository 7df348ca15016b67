import FakeCircleCI
import TestSupport
import Testing
import Wire

/// The lists of a site.
struct FakeSitePagingTests {
    @Test(
        "Pages bring every pipeline that was there exactly once, newest first, while time goes on",
        arguments: [1, 3, 20]
    )
    func paging(pageSize: Int) async throws {
        let seed = TestSeed.of(round: UInt64(pageSize))
        let history = try FakeSiteTests.history(seed: seed) { $0.projectCount = 2 }
        try await FakeSiteClient.run(history, { $0.pageSize = pageSize }) { client async throws in
            client.site.advance(to: FakeSiteTests.noon(history))
            for project in history.projects {
                let now = client.site.now
                let listed = try await client.all("/project/\(project.slug)/pipeline") {
                    let step = Timestamp(microseconds: client.site.now.microseconds + 600_000_000)
                    client.site.advance(to: step)
                }
                let ids = listed.compactMap { $0["id"] as? String }
                #expect(Set(ids).count == ids.count, "seed \(seed)")
                let known = Set(
                    history.workflows.lazy.map(\.pipeline)
                        .filter { $0.project.id == project.id && $0.createdAt <= now }.map(\.id)
                )
                #expect(known.isSubset(of: ids), "seed \(seed)")
                let times = listed.compactMap { $0["created_at"] as? String }
                #expect(times == times.sorted(by: >) && times.count == ids.count, "seed \(seed)")
                let numbers = listed.compactMap { $0["number"] as? Int }
                #expect(Set(numbers).count == ids.count, "seed \(seed)")
            }
            // The first project has more than the second, so the place would be one of its list as well.
            let second = try await client.ask("/project/\(history.projects[1].slug)/pipeline")
            if let token = second.nextPageToken {
                let other = try await client.ask("/project/\(history.projects[0].slug)/pipeline?page-token=\(token)")
                #expect(other.status == 400)
            }
            #expect(try await client.ask("/project/\(history.projects[0].slug)/pipeline?page-token=7").status == 400)
        }
    }

    @Test("The organization's list is that of its projects together, and a branch's is a part of a project's")
    func otherLists() async throws {
        let history = try FakeSiteTests.history(seed: 5, rate: 0.1) { $0.projectKinds = [.github] }
        try await FakeSiteClient.run(history, { $0.pageSize = 7 }) { client async throws in
            client.site.advance(to: history.end)
            let slug = "gh/\(history.organizations[0].name)"
            let all = Set(try await client.all("/pipeline?org-slug=\(slug)").compactMap { $0["id"] as? String })
            var together: Set<String> = []
            for project in history.projects {
                let pipelines = try await client.all("/project/\(project.slug)/pipeline")
                together.formUnion(pipelines.compactMap { $0["id"] as? String })
                let branch = { (item: [String: Any]) in (item["vcs"] as? [String: Any])?["branch"] as? String }
                let main = try await client.all("/project/\(project.slug)/pipeline?branch=main")
                #expect(main.allSatisfy { branch($0) == "main" })
                #expect(main.count == pipelines.count { branch($0) == "main" } && main.count > 0)
            }
            #expect(all == together)
            client.site.setFollowedProjects(FakeSiteClient.key, [history.projects[0].slug])
            let followed = try await client.all("/pipeline?org-slug=\(slug)")
            let own = try await client.all("/project/\(history.projects[0].slug)/pipeline")
            #expect(followed.count == own.count)
            #expect(try await client.ask("/pipeline?org-slug=gh%2Felsewhere").status == 404)
            #expect(try await client.ask("/pipeline").status == 400)
        }
    }
}
