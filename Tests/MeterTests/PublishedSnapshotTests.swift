import Dispatch
import EventLog
import Testing

@testable import Meter

struct PublishedSnapshotTests {
    @Test(.timeLimit(.minutes(2)))
    func `a subscriber that is cancelled while it is told something keeps nobody waiting`() async {
        for _ in 0..<2_000 {
            let published = PublishedSnapshot()
            let stream = published.sequences()
            let subscriber = Task { for await _ in stream {} }
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for sequence in 1...20 {
                        published.advanced(
                            to: LogPosition(sequence: sequence, crc: 0, batch: sequence, segment: 1, offset: sequence)
                        )
                    }
                }
                group.addTask { subscriber.cancel() }
            }
            await subscriber.value
            #expect(published.position?.sequence == 20)
        }
    }
}
