import Testing
import Wire

@testable import FakeCircleCI

struct FakeFaultTests {
    static func postings(_ history: FakeHistory, _ plan: FaultPlan) -> [Posting] {
        var faulty = FaultyDeliveries(history.deliveries.makeIterator(), plan: plan)
        var postings: [Posting] = []
        while let posting = faulty.next() { postings.append(posting) }
        return postings
    }

    @Test("One seed gives one course of faults")
    func determinism() throws {
        let history = try FakeSenderTests.history()
        var plan = FaultPlan()
        plan.dropRate = 0.2
        plan.duplicateRate = 0.2
        plan.reorderWindow = 5
        func course(_ seed: UInt64) -> [[Int]] {
            plan.seed = seed
            return Self.postings(history, plan).map { [$0.index, $0.copy] }
        }
        #expect(course(1) == course(1))
        #expect(course(1) != course(2))
    }

    @Test("No delivery changes its place by more than the window", arguments: [0, 1, 7, 1000])
    func reorderWindow(window: Int) throws {
        var plan = FaultPlan()
        plan.seed = 3
        plan.reorderWindow = window
        let order = Self.postings(try FakeSenderTests.history(), plan).map(\.index)
        #expect(order.sorted() == Array(order.indices))
        for (place, index) in order.enumerated() { #expect(abs(place - index) <= window) }
        #expect((order == order.sorted()) == (window == 0))
    }

    @Test("A duplicate is the same delivery, and comes after the first")
    func duplicates() throws {
        var plan = FaultPlan()
        plan.duplicateRate = 1
        plan.maximumDuplicateCount = 3
        plan.reorderWindow = 4
        var seen: [Int: [UInt8]] = [:]
        var copyCount = 0
        for posting in Self.postings(try FakeSenderTests.history(), plan) {
            if posting.copy == 0 {
                seen[posting.index] = posting.delivery.body
            } else {
                #expect(seen[posting.index] == posting.delivery.body)
                copyCount += 1
            }
        }
        #expect(copyCount > seen.count && copyCount <= 3 * seen.count)
    }

    @Test("A pace says when each delivery is due")
    func pace() {
        #expect(Pace.unlimited.offset(position: 9, elapsedMicroseconds: 9_000_000) == .zero)
        #expect(Pace.perSecond(20).offset(position: 10, elapsedMicroseconds: 0) == .milliseconds(500))
        #expect(Pace.timeline(speed: 60).offset(position: 1, elapsedMicroseconds: 120_000_000) == .seconds(2))
        #expect(Pace.timeline(speed: 60).offset(position: 1, elapsedMicroseconds: -5) == .zero)
    }

    @Test("Delays between tries double up to the longest, and are shortened by at most half")
    func retryDelays() {
        var retries = RetryPlan()
        retries.firstDelay = .milliseconds(100)
        retries.maximumDelay = .milliseconds(500)
        let delays = (1...5).map { retries.delay(after: $0, fraction: 0) }
        #expect(delays == [100, 200, 400, 500, 500].map { .milliseconds($0) })
        #expect(retries.delay(after: 2, fraction: 1) == .milliseconds(100))
        #expect(retries.delay(after: 100, fraction: 0) == .milliseconds(500))
    }

    @Test("Answers are read as the receiver's contract words them")
    func answers() {
        func answer(_ text: String) -> Acknowledgement.Answer { .init(Array(text.utf8)) }
        #expect(answer(#"{"status":"accepted","sequence":12}"#) == .accepted(sequence: 12))
        #expect(answer(#"{"sequence":12,"more":[1],"status":"accepted"}"#) == .accepted(sequence: 12))
        #expect(answer(#"{"status":"duplicate"}"#) == .duplicate)
        #expect(answer(#"{"status":"quarantined"}"#) == .quarantined)
        for text in ["", "OK", #"{"status":"accepted"}"#, #"{"status":7}"#, "[]", #"{"status":"duplicate"} x"#] {
            #expect(answer(text) == .other)
        }
    }
}
