import FakeCircleCI
import Testing
import Wire

/// Every surprise of the fact sheet occurs, and in the form in which real deliveries show it.
struct FakeOddityTests {
    struct Oddity: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let holds: @Sendable (GeneratedDelivery, FakeEvent) -> Bool

        init(_ description: String, _ holds: @escaping @Sendable (GeneratedDelivery, FakeEvent) -> Bool) {
            testDescription = description
            self.holds = holds
        }
    }

    static func hasNullCommit(_ event: FakeEvent) -> Bool {
        event.has("pipeline", "vcs", "commit", "author", "email")
            && event["pipeline", "vcs", "commit", "author", "email"] == nil
            && event["pipeline", "vcs", "commit", "subject"] == nil
            && event["pipeline", "vcs", "commit", "committed_at"] == nil
    }

    static let oddities: [Oddity] = [
        Oddity("a tag: branch null, no tag member, commit null") { _, event in
            event.has("pipeline", "vcs", "branch") && event["pipeline", "vcs", "branch"] == nil
                && !event.has("pipeline", "vcs", "tag") && hasNullCommit(event)
        },
        Oddity("a tag in trigger parameters") { _, event in
            (event["pipeline", "trigger_parameters", "git", "tag"] as? String)?.first == "v"
                && event["pipeline", "trigger_parameters", "git", "branch"] as? String == ""
        },
        Oddity("started through the API: a branch, and a commit of nulls") { _, event in
            event["pipeline", "trigger", "type"] as? String == "api" && event["pipeline", "vcs", "branch"] != nil
                && hasNullCommit(event)
        },
        Oddity("started through the API, App style: a map with the text of an empty object") { _, event in
            event["pipeline", "trigger_parameters", "webhook", "body"] as? String == "{}"
        },
        Oddity("a schedule") { _, event in event["pipeline", "trigger", "type"] as? String == "schedule" },
        Oddity("Bitbucket: no committer") { _, event in
            event["pipeline", "vcs", "provider_name"] as? String == "bitbucket"
                && event["pipeline", "vcs", "commit", "author", "email"] != nil
                && event.has("pipeline", "vcs", "commit", "committer", "name")
                && event["pipeline", "vcs", "commit", "committer", "name"] == nil
                && event["pipeline", "vcs", "commit", "committed_at"] == nil
        },
        Oddity("a fork: origin and target differ") { _, event in
            let origin = event["pipeline", "vcs", "origin_repository_url"] as? String
            return origin != event["pipeline", "vcs", "target_repository_url"] as? String
        },
        Oddity("GitLab: strings, and a real truth value") { _, event in
            event["pipeline", "trigger_parameters", "gitlab", "total_commits_count"] as? String == "1"
                && event["pipeline", "trigger_parameters", "gitlab", "is_fork_merge_request"] is Bool
        },
        Oddity("GitHub App: false as a string") { _, event in
            event["pipeline", "trigger_parameters", "github_app", "forced"] as? String == "false"
        },
        Oddity("Go's form of a time") { _, event in
            let time = event["pipeline", "trigger_parameters", "circleci", "event_time"] as? String
            return time?.hasSuffix(" +0000 UTC") == true && time?.utf8.count == 39
        },
        Oddity("microseconds") { _, event in (event["happened_at"] as? String)?.utf8.count == 27 },
        Oddity("milliseconds") { _, event in (event["happened_at"] as? String)?.utf8.count == 24 },
        Oddity("whole seconds") { _, event in (event["happened_at"] as? String)?.utf8.count == 20 },
        Oddity("an offset instead of Z") { _, event in
            (event["pipeline", "created_at"] as? String)?.hasSuffix("+00:00") == true
        },
        Oddity("happened before the start") { _, event in
            guard let start = event.time("job", "started_at") else { return false }
            return event.time("happened_at").map { $0 < start } == true
        },
        Oddity("no stop") { _, event in event.type == "job-completed" && !event.has("job", "stopped_at") },
        Oddity("no workflow object") { _, event in event.type == "job-completed" && !event.has("workflow") },
        Oddity("the last job's event tells the workflow's stop") { _, event in
            event.type == "job-completed" && event.has("workflow", "stopped_at")
        },
        Oddity("no duration") { _, event in
            event.has("job", "stopped_at")
                && event["job", "stopped_at"] as? String == event["job", "started_at"] as? String
        },
        Oddity("a job across midnight") { _, event in
            guard let start = event.time("job", "started_at"), let stop = event.time("job", "stopped_at")
            else { return false }
            return start.day < stop.day
        },
        Oddity("a ping: version 4, no project") { delivery, event in
            delivery.eventType == "ping" && event.type == "ping" && Array(delivery.eventID)[14] == "4"
                && !event.has("project") && !event.has("pipeline") && delivery.projectIndex == nil
        },
        Oddity("an unknown type") { delivery, event in
            !["job-completed", "workflow-completed", "ping"].contains(delivery.eventType)
                && event.type == delivery.eventType && event.has("project")
        },
        Oddity("several lines") { delivery, _ in
            delivery.body.starts(with: Array("{\n  \"".utf8)) && delivery.body.suffix(2) == Array("}\n".utf8)
        },
        Oddity("members in another order") { delivery, _ in !delivery.body.starts(with: Array("{\"id\":".utf8)) },
        Oddity("no project name") { _, event in event["project", "name"] as? String == "" },
    ]

    static func walk(seed: UInt64, _ visit: (GeneratedDelivery, FakeEvent) throws -> Bool) throws {
        let history = FakeHistory(options: try FakeHistoryTests.options(seed: seed, rate: 0.25))
        for delivery in history.deliveries {
            if try !visit(delivery, FakeEvent(delivery.body)) { return }
        }
    }

    @Test("Each surprise of the fact sheet occurs", arguments: oddities)
    func occurs(oddity: Oddity) throws {
        var isFound = false
        for seed in UInt64(1)...10 where !isFound {
            try Self.walk(seed: seed) { delivery, event in
                isFound = oddity.holds(delivery, event)
                return !isFound
            }
        }
        #expect(isFound, "in none of the seeds 1 to 10")
    }

    @Test("Every status of the documentation occurs, and some that it does not know")
    func statuses() throws {
        var ofJobs: Set<String> = []
        var ofWorkflows: Set<String> = []
        for seed in UInt64(1)...3 {
            for run in FakeHistory(options: try FakeHistoryTests.options(seed: seed, rate: 0.2)).runs {
                if run.kind == .job { ofJobs.insert(run.status) } else { ofWorkflows.insert(run.status) }
            }
        }
        #expect(ofWorkflows == ["success", "failed", "error", "canceled", "unauthorized"])
        #expect(ofJobs.isSuperset(of: ["success", "failed", "canceled", "unauthorized", "timedout"]))
    }

    @Test("At a rate of nothing none of them occurs, but for what the kind of project brings")
    func plain() throws {
        let always = [
            "Bitbucket: no committer", "GitLab: strings, and a real truth value", "GitHub App: false as a string",
            "Go's form of a time", "microseconds", "the last job's event tells the workflow's stop",
            "a job across midnight",
        ]
        var options = try FakeHistoryTests.options(seed: 1, rate: 0)
        options.organizationCount = 1
        for delivery in FakeHistory(options: options).deliveries {
            let event = try FakeEvent(delivery.body)
            for oddity in Self.oddities where !always.contains(oddity.testDescription) {
                #expect(!oddity.holds(delivery, event), "\(oddity.testDescription)")
            }
        }
    }

    @Test("An event without a workflow object leaves its run without a workflow's name")
    func missingWorkflows() throws {
        var options = try FakeHistoryTests.options(seed: 31, rate: 0)
        options.oddities.missingWorkflows = 1
        for run in FakeHistory(options: options).runs {
            let isAppStyle = run.projectSlug.hasPrefix("circleci/")
            #expect(run.workflowName.isEmpty == (run.kind == .job && isAppStyle))
        }
    }
}
