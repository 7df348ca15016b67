import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Usage

/// The reducer's own tables against Swift's.
struct SymbolMapTests {
    /// A key of which many have the same hash.
    private struct Crowded: SymbolMapKey, Hashable {
        var number: UInt64
        var hashes: UInt64

        func hash(_ mixing: Mixing) -> UInt32 { mixing.hash(number % hashes) }
    }

    @Test(arguments: 0..<20)
    func `it holds what a dictionary holds, in the order of coming`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let hashes = ([1, 7, 1 << 40] as [UInt64]).randomElement(using: &random)!
        var map = SymbolMap<Crowded, Int>()
        var dictionary: [Crowded: Int] = [:]
        var order: [Crowded] = []
        for step in 0..<2000 {
            let key = Crowded(number: UInt64.random(in: 0..<500, using: &random), hashes: hashes)
            switch Int.random(in: 0..<100, using: &random) {
            case 0 where step > 1000:
                map.removeAll()
                dictionary.removeAll()
                order.removeAll()
            case 1..<60:
                if dictionary[key] == nil { order.append(key) }
                dictionary[key, default: 100] += step
                map.change(key, initially: 100) { $0 += step }
            case 60..<80:
                if dictionary[key] == nil { order.append(key) }
                dictionary[key] = step
                map.set(step, for: key)
            default:
                #expect(map.value(key) == dictionary[key], "seed \(seed)")
            }
        }
        #expect(map.keys == order, "seed \(seed)")
        #expect(map.count == dictionary.count, "seed \(seed)")
        map.forEach { key, value in #expect(value == dictionary[key], "seed \(seed)") }
    }

    @Test func `ids that differ in one bit are different runs`() throws {
        var random = SeededGenerator(seed: 3)
        let id = UInt128.random(in: .min ... .max, using: &random)
        var partition = Partition(key: Partition.Key(connection: .none, day: Day(daysSinceEpoch: 20_000)))
        let symbols = SymbolTable()
        let version = Version(eventID: 1, source: .webhook)
        for bit in 0..<128 {
            for kind in [Run.Kind.job, .workflow, .job] {
                let other = id ^ (1 << UInt128(bit))
                _ = partition.merge(version, into: other, kind: kind, links: RunLinks(), symbols: symbols)
            }
        }
        #expect(partition.runs.count == 256)
    }
}
