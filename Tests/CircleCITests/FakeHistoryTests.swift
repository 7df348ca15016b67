import Foundation
import Testing
import Wire

@testable import FakeCircleCI

struct FakeHistoryTests {
    static func options(seed: UInt64, rate: Double, days: Int = 3) throws -> FakeHistoryOptions {
        var options = FakeHistoryOptions(seed: seed, firstDay: try #require(Day("2026-11-02")))
        options.organizationCount = 2
        options.dayCount = days
        options.pipelinesPerDay = 15
        options.oddities = OddityRates(all: rate)
        return options
    }

    static func bodies(_ options: FakeHistoryOptions) -> [[UInt8]] {
        FakeHistory(options: options).deliveries.map(\.body)
    }

    @Test("A seed gives the same deliveries and the same truth every time, another seed others")
    func determinism() throws {
        let options = try Self.options(seed: 11, rate: 0.2)
        #expect(Self.bodies(options) == Self.bodies(options))
        #expect(Array(FakeHistory(options: options).runs) == Array(FakeHistory(options: options).runs))
        #expect(try Self.bodies(options) != Self.bodies(Self.options(seed: 12, rate: 0.2)))
    }

    @Test("SplitMix64 gives the published numbers")
    func splitMix() {
        // The first outputs for seed 1234567, as published with the xoshiro generators.
        var random = SeededGenerator(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    @Test("Deliveries come in the order of sending, whatever the rates", arguments: [0, 0.1, 0.5])
    func sendingOrder(rate: Double) throws {
        var last = Timestamp(microseconds: 0)
        for delivery in FakeHistory(options: try Self.options(seed: 5, rate: rate)).deliveries {
            #expect(delivery.sentAt >= last)
            last = delivery.sentAt
        }
        #expect(last.microseconds > 0)
    }

    @Test("A plain history has one compact delivery for each run, about as large as real ones")
    func plain() throws {
        let history = FakeHistory(options: try Self.options(seed: 3, rate: 0, days: 5))
        let deliveries = Array(history.deliveries)
        let runs = Array(history.runs)
        #expect(deliveries.count == runs.count)
        #expect(Set(deliveries.map(\.runID)) == Set(runs.map(\.id)))
        #expect(Set(deliveries.map(\.eventID)).count == deliveries.count)
        for delivery in deliveries {
            #expect(!delivery.body.contains(UInt8(ascii: "\n")))
            #expect((1000...3000).contains(delivery.body.count))
            #expect(delivery.body.withUnsafeBytes { JSONScanner.isObject($0) })
            // Real events carry version 3 UUIDs.
            #expect(Array(delivery.eventID)[14] == "3")
        }
        #expect(Set(runs.map(\.status)) == ["success", "failed"])
        let mean = deliveries.map(\.body.count).reduce(0, +) / deliveries.count
        #expect((1400...1900).contains(mean))
    }

    @Test("The number of pipelines is what was asked for, fewer on weekends")
    func pipelineCount() throws {
        var options = try Self.options(seed: 9, rate: 0, days: 7)
        options.organizationCount = 1
        options.pipelinesPerDay = 40
        let pipelines = Set(FakeHistory(options: options).runs.map(\.pipelineID))
        #expect(pipelines.count == 5 * 40 + 2 * 10)
    }

    @Test("Slugs of App-style projects spell the UUIDs of organization and project in base58")
    func slugs() throws {
        var options = try Self.options(seed: 4, rate: 0)
        options.projectCount = 8
        for organization in FakeHistory(options: options).organizations {
            for project in organization.projects {
                let parts = project.slug.split(separator: "/")
                try #require(parts.count == 3)
                switch project.kind {
                case .github: #expect(parts[0] == "github" && parts[1] == organization.name)
                case .bitbucket: #expect(parts[0] == "bitbucket" && parts[1] == organization.name)
                case .gitlab, .githubApp:
                    #expect(parts[0] == "circleci")
                    #expect(Base58.decode(parts[1]) == Identity.uuid(organization.id))
                    #expect(Base58.decode(parts[2]) == Identity.uuid(project.id))
                }
            }
        }
    }

    @Test("Every time in every body is one that the parser knows", arguments: [1, 2, 3] as [UInt64])
    func times(seed: UInt64) throws {
        for body in Self.bodies(try Self.options(seed: seed, rate: 0.3)) {
            let event = try FakeEvent(body)
            for text in event.times { #expect(Timestamp(text) != nil, "\(text), seed \(seed)") }
        }
    }

    @Test("What waits to be sent does not grow with the length of the history")
    func boundedMemory() throws {
        func mostWaiting(days: Int) throws -> Int {
            var options = try Self.options(seed: 6, rate: 0.05, days: days)
            options.pipelinesPerDay = 30
            var iterator = FakeHistory(options: options).deliveries.makeIterator()
            var most = 0
            while iterator.next() != nil { most = max(most, iterator.waitingCount) }
            return most
        }
        let short = try mostWaiting(days: 5)
        let long = try mostWaiting(days: 60)
        #expect(long < short * 3)
    }

    @Test("Names outlive JSON: what was odd in the project is odd in the event")
    func names() throws {
        var options = try Self.options(seed: 8, rate: 0, days: 2)
        options.oddities.oddNames = 1
        let history = FakeHistory(options: options)
        let names = Dictionary(
            history.organizations.flatMap(\.projects).map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first }
        )
        for delivery in history.deliveries {
            let event = try FakeEvent(delivery.body)
            let id = try #require(event["project", "id"] as? String)
            #expect(event["project", "name"] as? String == names[id])
            #expect(FakeNames.odd.contains(try #require(event["project", "name"] as? String)))
        }
    }
}
