import Wire

/// Makes organizations and their projects.
struct OrganizationMaker {
    let options: FakeHistoryOptions
    var random: SeededGenerator

    mutating func organizations() -> [FakeOrganization] {
        (0..<options.organizationCount).map { organization($0) }
    }

    private mutating func organization(_ index: Int) -> FakeOrganization {
        let id = random.uuidValue()
        let name = numbered(FakeNames.organizations, index)
        let projects = (0..<options.projectCount).map {
            project($0, organizationIndex: index, organizationID: id, organizationName: name)
        }
        return FakeOrganization(index: index, id: Identity.uuidString(id), name: name, projects: projects)
    }

    private mutating func project(
        _ index: Int,
        organizationIndex: Int,
        organizationID: UInt128,
        organizationName: String
    ) -> FakeProject {
        let kind = options.projectKinds[index % options.projectKinds.count]
        let id = random.uuidValue()
        let repository = numbered(FakeNames.repositories, index)
        let isNameless = random.chance(options.oddities.emptyProjectNames)
        let slug =
            switch kind {
            case .github: "github/\(organizationName)/\(repository)"
            case .bitbucket: "bitbucket/\(organizationName)/\(repository)"
            case .gitlab, .githubApp: "circleci/\(Base58.encode(organizationID))/\(Base58.encode(id))"
            }
        let hasSecondWebhook = random.chance(options.oddities.secondWebhooks)
        var branches: [String] = []
        for branch in FakeNames.branches { branches.append(name(branch)) }
        return FakeProject(
            organizationIndex: organizationIndex,
            organizationID: Identity.uuidString(organizationID),
            organizationName: organizationName,
            index: index,
            kind: kind,
            id: Identity.uuidString(id),
            name: isNameless ? "" : name(repository),
            slug: slug,
            repository: repository,
            defaultBranch: "main",
            branches: branches,
            webhooks: (0..<(hasSecondWebhook ? 2 : 1)).map {
                FakeWebhook(id: random.uuid(), name: $0 == 0 ? "circlemeter" : "circlemeter (second)")
            },
            sharesEventIDs: random.chance(0.5),
            workflows: workflows(of: repository)
        )
    }

    private mutating func workflows(of repository: String) -> [FakeWorkflowTemplate] {
        let large = random.chance(0.4) ? "large" : "medium"
        let check = FakeWorkflowTemplate(
            name: name("build-test-deploy"),
            isScheduled: false,
            stages: [
                [job("lint", seconds: 25...60, "small"), job("build", seconds: 60...400, large)],
                [
                    job("test-unit", seconds: 40...300),
                    job("test-integration", seconds: 120...900, large, parallelism: 4),
                ],
                [job("deploy", seconds: 20...120, "small")],
            ]
        )
        let quick = FakeWorkflowTemplate(
            name: name("checks"),
            isScheduled: false,
            stages: [[job("format", seconds: 5...30, "small"), job("typos", seconds: 2...12, "small")]]
        )
        let nightly = FakeWorkflowTemplate(
            name: name("nightly"),
            isScheduled: true,
            stages: [
                [job("build", seconds: 120...600, large)],
                [
                    job("test-macos", seconds: 600...2400, "macos.m1.medium.gen1", "macos"),
                    job("test-arm", seconds: 400...1800, "arm.medium", "machine"),
                    job("soak", seconds: 1800...5400, "large", "machine"),
                ],
            ]
        )
        return random.chance(0.5) ? [check, nightly] : [check, quick, nightly]
    }

    private mutating func job(
        _ name: String,
        seconds: ClosedRange<Int>,
        _ resourceClass: String = "medium",
        _ executor: String = "docker",
        parallelism: Int = 1
    ) -> FakeJobTemplate {
        FakeJobTemplate(
            name: self.name(name),
            usualMilliseconds: random.integer(in: (seconds.lowerBound * 1000)...(seconds.upperBound * 1000)),
            resourceClass: resourceClass,
            executor: executor,
            parallelism: parallelism
        )
    }

    /// `plain`, or now and then an odd name instead.
    private mutating func name(_ plain: String) -> String {
        let odd = random.element(of: FakeNames.odd)
        return random.chance(options.oddities.oddNames) ? odd : plain
    }

    private func numbered(_ names: [String], _ index: Int) -> String {
        index < names.count ? names[index] : "\(names[index % names.count])-\(index / names.count + 1)"
    }
}
