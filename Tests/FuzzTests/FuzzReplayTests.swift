import FakeCircleCI
import Foundation
import TestSupport
import Testing

/// What libFuzzer has found worth keeping, again on each run; `scripts/fuzz` looks for more.
struct FuzzReplayTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures/fuzz")

    static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = directory.appending(path: target.rawValue)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `nothing is wrong with an input of the corpus`(_ target: FuzzTarget) throws {
        let inputs = try FuzzReplayTests.inputs(of: target)
        #expect(!inputs.isEmpty)
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "fixtures/fuzz/\(target.rawValue)/\(name)") {
                try bytes.withUnsafeBytes { try target.check($0) }
            }
        }
    }

    @Test func `each folder of the corpus is of a target`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: FuzzReplayTests.directory.path)
        #expect(Set(names) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }

    /// Without libFuzzer: inputs of the corpus with bytes changed, cut, doubled and joined.
    @Test(arguments: FuzzTarget.allCases)
    func `nothing is wrong with a changed input`(_ target: FuzzTarget) throws {
        let inputs = try FuzzReplayTests.inputs(of: target).map(\.bytes)
        let campaign = Campaign("changed-\(target.rawValue)", unit: "inputs", short: 200)
        while let seed = campaign.nextSeed() {
            var generator = SeededGenerator(seed: seed)
            let bytes = Mutation.changed(inputs, &generator)
            #expect(throws: Never.self, "seed \(seed), \(String(decoding: bytes, as: UTF8.self).debugDescription)") {
                try bytes.withUnsafeBytes { try target.check($0) }
            }
        }
        campaign.finish()
    }
}

/// Inputs made of others.
enum Mutation {
    /// One of the inputs, changed in a few places.
    static func changed(_ inputs: [[UInt8]], _ generator: inout SeededGenerator) -> [UInt8] {
        guard var bytes = inputs.randomElement(using: &generator) else { return [] }
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            let end = min(bytes.count, place + Int.random(in: 0...12, using: &generator))
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            case 3: bytes.insert(tokens.randomElement(using: &generator) ?? 0, at: place)
            case 4: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &generator) }
            default:
                let other = inputs.randomElement(using: &generator) ?? []
                let start = Int.random(in: 0...other.count, using: &generator)
                bytes.replaceSubrange(place..<end, with: other[start...].prefix(20))
            }
        }
        return bytes
    }

    private static let tokens = Array("{}[]\",:\\/0123456789.-+eEtfn \n\r\t\u{0}u%=&".utf8)
}
