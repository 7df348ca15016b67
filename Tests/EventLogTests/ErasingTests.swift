import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Wire

@testable import EventLog

/// Texts are overwritten, and the chain stays what it was.
struct ErasingTests {
    private static let text = "ann@example.com"

    /// A line as it was and the places in its body that are to be erased.
    private struct Line {
        var sequence: Int
        var crc: UInt32
        var line: [UInt8]
        var body: [UInt8]
        var signature: Range<Int>?
        var event: Range<Int>
        var isBase64: Bool
    }

    private static func places(of text: String, in body: UnsafeRawBufferPointer) -> [Range<Int>] {
        let (body, text) = (Array(body), Array(text.utf8))
        guard body.count >= text.count else { return [] }
        return (0...(body.count - text.count)).filter { body[$0..<($0 + text.count)].elementsEqual(text) }.map {
            $0..<($0 + text.count)
        }
    }

    private static func find(_ record: LogRecord, _ body: UnsafeRawBufferPointer) -> RecordErasure? {
        RecordErasure(texts: places(of: text, in: body))
    }

    private func lines(_ fixture: LogFixture) throws -> [Line] {
        var lines: [Line] = []
        _ = try LogReader(directory: fixture.directory).read(after: nil) { item in
            guard case .record(let record) = item else {
                Issue.record("\(item)")
                return true
            }
            lines.append(
                Line(
                    sequence: record.sequence,
                    crc: record.crc,
                    line: Array(record.line),
                    body: record.withBody { Array($0) },
                    signature: record.signatureText.map { Int($0.start)..<Int($0.start + $0.count) },
                    event: record.event,
                    isBase64: record.isBase64
                )
            )
            return true
        }
        return lines
    }

    /// Records of all kinds with the text in many of them, over several segments.
    private func fill(_ fixture: LogFixture, seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4096
        let log = try fixture.open(options)
        for number in 0..<Int.random(in: 1...40, using: &random) {
            let padding = String(repeating: "x", count: Int.random(in: 0...300, using: &random))
            let holds = (0..<Int.random(in: 0...3, using: &random)).map { _ in ErasingTests.text }
            let isFolded = Int.random(in: 0..<4, using: &random) == 0
            let space = isFolded ? "\n" : ""
            let name = holds.joined(separator: String(padding.prefix(Int.random(in: 0...9, using: &random))) + " ")
            let body = "{\(space)\"n\":\(number),\"padding\":\"\(padding)\",\"names\":\"\(name)\"}"
            // What stands in base64 came by webhook, and that has a signature.
            let isSigned = isFolded || Bool.random(using: &random)
            let digits = Hex.encode((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            let signature = ["v1=\(digits)", "v0=abc,v1=\(digits)", "v1=\(digits), v2=\"x\""].randomElement(
                using: &random
            )
            _ = try await log.append(LogFixture.entry(body, signature: isSigned ? signature : nil))
        }
        await log.close()
    }

    private func erase(_ fixture: LogFixture, _ plan: ErasurePlan) throws {
        let lock = try LogLock.acquire(directory: fixture.directory)
        defer { lock.release() }
        try lock.erase(plan)
    }

    @Test(arguments: 0..<60)
    func `what is erased is gone, every checksum is as before, and so is every other byte`(_ round: UInt64) async throws
    {
        let seed = TestSeed.of(round: round)
        let fixture = LogFixture()
        try await fill(fixture, seed: seed)
        let before = try lines(fixture)
        let plan = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        #expect(plan.keptSequences.isEmpty && plan.damages.isEmpty, "seed \(seed)")
        try erase(fixture, plan)
        let verification = try LogVerifier(directory: fixture.directory).verify()
        #expect(verification.isIntact && verification.tornTail == nil, "seed \(seed)")
        let after = try lines(fixture)
        #expect(after.map(\.crc) == before.map(\.crc), "seed \(seed)")
        for (old, new) in zip(before, after) {
            let places = old.body.withUnsafeBytes { ErasingTests.places(of: ErasingTests.text, in: $0) }
            guard !places.isEmpty else {
                #expect(old.line == new.line, "seed \(seed)")
                continue
            }
            var expected = old.body
            for place in places {
                expected.replaceSubrange(place, with: new.body[place])
                #expect(ErasedText.isErased(new.body[place]), "seed \(seed)")
            }
            #expect(expected == new.body, "seed \(seed)")
            // Outside the body, only the signature's 64 digits differ.
            for index in old.line.indices where !old.event.contains(index) && old.line[index] != new.line[index] {
                #expect(old.signature?.contains(index) == true, "seed \(seed)")
                #expect(Hex.value(old.line[index]) != nil && ErasedText.isFilled(new.line[index]), "seed \(seed)")
            }
            #expect(new.body.withUnsafeBytes { JSONScanner.isObject($0) }, "seed \(seed)")
        }
        #expect(plan.recordCount == zip(before, after).count { $0.line != $1.line }, "seed \(seed)")
        let again = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        #expect(again.recordCount == 0 && again.keptSequences.isEmpty, "seed \(seed)")
        let log = try fixture.open()
        #expect(log.recovery.damages.isEmpty)
        await log.close()
    }

    @Test func `a signature that went with a text is known, and is of use for the next text`() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        let signature = "v1=" + String(repeating: "0123456789abcdef", count: 4)
        _ = try await log.append(LogFixture.entry("{\"a\":\"ann@example.com\",\n\"b\":\"bo\"}", signature: signature))
        _ = try await log.append(LogFixture.entry("{\"a\":\"carl@example.com\"}", signature: signature))
        await log.close()
        let crcs = try lines(fixture).map(\.crc)
        for text in [ErasingTests.text, "bo"] {
            let plan = try ErasurePlan(directory: fixture.directory) { _, body in
                RecordErasure(texts: ErasingTests.places(of: text, in: body))
            }
            #expect(plan.recordCount == 1)
            try erase(fixture, plan)
            #expect(try lines(fixture).map(\.crc) == crcs)
        }
        var erased: [Bool] = []
        _ = try LogReader(directory: fixture.directory).read(after: nil) { item in
            if case .record(let record) = item { erased.append(record.isSignatureErased) }
            return true
        }
        #expect(erased == [true, false])
    }

    @Test func `equal texts stay equal where a signature takes up the checksum`() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        let signature = "v1=" + String(repeating: "0123456789abcdef", count: 4)
        for number in 0..<20 {
            let body = #"{"n":\#(number),"branch":"users/ann@example.com/fix"}"#
            _ = try await log.append(LogFixture.entry(body, signature: signature))
            let unsigned = #"{"n":\#(number),"branch":"users/ann@example.com/fix","email":"ann@example.com"}"#
            _ = try await log.append(LogFixture.entry(unsigned))
        }
        await log.close()
        let plan = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        #expect(plan.recordCount == 40)
        try erase(fixture, plan)
        let filled = "users/" + String(repeating: "@", count: ErasingTests.text.count) + "/fix"
        for line in try lines(fixture) {
            #expect(String(decoding: line.body, as: UTF8.self).contains(filled))
        }
    }

    @Test func `an intent is of one log, and overwrites no other`() async throws {
        let (fixture, other) = (LogFixture(), LogFixture())
        try await fill(fixture, seed: 5)
        try await fill(other, seed: 6)
        let plan = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        let before = try lines(other)
        let intent = URL(filePath: "\(other.directory)/\(PendingErasure.fileName)")
        try Data(plan.encoded).write(to: intent)
        let error = #expect(throws: LogError.self) { try other.open() }
        #expect(error?.hint?.contains("Put the log's segments back") == true)
        #expect(throws: LogError.self) {
            try FileManager.default.removeItem(at: intent)
            try erase(other, plan)
        }
        #expect(try lines(other).map(\.line) == before.map(\.line))
        #expect(!FileManager.default.fileExists(atPath: intent.path))
    }

    @Test func `where a segment of an intent is missing, or a place is none, nothing is overwritten`() async throws {
        let fixture = LogFixture()
        try await fill(fixture, seed: 5)
        let plan = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        let before = try lines(fixture)
        let patch = try #require(plan.patches.last)
        for change in 0..<7 {
            var changed = plan
            var other = patch
            switch change {
            case 0: other.line.segment = 999_999
            case 1: other.line.start = .max - 5
            case 2: other.line.count = .max
            case 3: other.offset = .max - 1
            case 4: other.bytes = Array("x".utf8)
            case 5: other.line.crc ^= 1
            default: other.bytes[0] ^= 1
            }
            changed.patches[changed.patches.count - 1] = other
            #expect(throws: LogError.self, "\(change)") { try erase(fixture, changed) }
            #expect(try lines(fixture).map(\.line) == before.map(\.line), "\(change)")
        }
        try erase(fixture, plan)
        #expect(try ErasurePlan(directory: fixture.directory, find: ErasingTests.find).recordCount == 0)
    }

    @Test func `a text too short for its checksum is kept, unless another may be overwritten`() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        let body = #"{"id":"0c6e2f4a-1d2b-4c3d-8e9f-001122334455","login":"ann"}"#
        _ = try await log.append(LogFixture.entry(body))
        await log.close()
        let before = try lines(fixture)
        let kept = try ErasurePlan(directory: fixture.directory) { _, body in
            RecordErasure(texts: ErasingTests.places(of: "ann", in: body))
        }
        #expect(kept.keptSequences == [1] && kept.recordCount == 0)
        try erase(fixture, kept)
        #expect(try lines(fixture).map(\.line) == before.map(\.line))
        let plan = try ErasurePlan(directory: fixture.directory) { _, body in
            RecordErasure(texts: ErasingTests.places(of: "ann", in: body), reserve: 7..<43)
        }
        #expect(plan.keptSequences.isEmpty && plan.recordCount == 1)
        try erase(fixture, plan)
        let after = try #require(try lines(fixture).first)
        #expect(after.crc == before[0].crc)
        let text = String(decoding: after.body, as: UTF8.self)
        #expect(
            text.wholeMatch(of: /\{"id":"[@-O]{8}(-[@-O]{4}){3}-[@-O]{12}","login":"@[@-O]{2}"\}/) != nil,
            "\(text)"
        )
    }

    @Test func `a plan is read as it was written, and not otherwise`() async throws {
        let fixture = LogFixture()
        try await fill(fixture, seed: 5)
        let plan = try ErasurePlan(directory: fixture.directory, find: ErasingTests.find)
        let encoded = plan.encoded
        #expect(!plan.patches.isEmpty)
        #expect(ErasurePlan(encoded: encoded)?.patches == plan.patches)
        #expect(!String(decoding: encoded, as: UTF8.self).contains(Hex.encode(ErasingTests.text.utf8)))
        for count in stride(from: 0, to: encoded.count, by: 7) {
            #expect(ErasurePlan(encoded: Array(encoded.prefix(count))) == nil)
        }
        var flipped = encoded
        flipped[20] ^= 1
        #expect(ErasurePlan(encoded: flipped) == nil)
    }

    @Test(arguments: 0..<3)
    func `stopped at any call, the next start goes on`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        let model = LogFixture()
        try await fill(model, seed: seed)
        let plan = try ErasurePlan(directory: model.directory, find: ErasingTests.find)
        let untouched = try lines(model)
        let counting = FaultyFileSystem()
        let lock = try LogLock.acquire(directory: model.directory, fileSystem: counting)
        counting.set(nil)
        let callsBefore = counting.calls.count
        try lock.erase(plan)
        let callCount = counting.calls.count - callsBefore
        lock.release()
        let done = try lines(model)
        // All calls at both ends, and some of the many writes between.
        var random = SeededGenerator(seed: seed)
        let middle = (0..<callCount).filter { _ in Int.random(in: 0..<callCount, using: &random) < 15 }
        let indices = Set(middle + (0..<callCount).prefix(6) + (0..<callCount).suffix(6)).sorted()
        for index in indices {
            for effect in [FaultyFileSystem.Effect.error(EIO), .partial(1, EIO)] {
                let fixture = LogFixture()
                try await fill(fixture, seed: seed)
                #expect(try lines(fixture).map(\.line) == untouched.map(\.line), "seed \(seed)")
                let faulty = FaultyFileSystem()
                let lock = try LogLock.acquire(directory: fixture.directory, fileSystem: faulty)
                faulty.set(FaultyFileSystem.Fault(kind: nil, index: index, isSticky: true, effect: effect))
                #expect(throws: LogError.self, "seed \(seed), call \(index)") { try lock.erase(plan) }
                lock.release()
                // Before the intent has its name, nothing has been touched; from then on all of it is done.
                let isNoted = FileManager.default.fileExists(atPath: "\(fixture.directory)/\(PendingErasure.fileName)")
                try LogLock.finishErasure(directory: fixture.directory)
                let expected = isNoted ? done : try lines(fixture).map(\.line) == done.map(\.line) ? done : untouched
                #expect(try lines(fixture).map(\.line) == expected.map(\.line), "seed \(seed), call \(index)")
                #expect(!FileManager.default.fileExists(atPath: "\(fixture.directory)/\(PendingErasure.fileName)"))
                let log = try fixture.open()
                #expect(log.recovery.damages.isEmpty && log.recovery.tornTail == nil, "seed \(seed), call \(index)")
                await log.close()
                #expect(try LogVerifier(directory: fixture.directory).verify().isIntact, "seed \(seed), call \(index)")
            }
        }
    }

    @Test func `an intent that is not readable keeps the log closed, and says what to do`() async throws {
        let fixture = LogFixture()
        try await fill(fixture, seed: 9)
        try Data("nonsense\n".utf8).write(to: URL(filePath: "\(fixture.directory)/\(PendingErasure.fileName)"))
        let error = #expect(throws: LogError.self) { try fixture.open() }
        #expect(error?.hint?.contains("people erase") == true)
        // The lock was given back.
        try FileManager.default.removeItem(atPath: "\(fixture.directory)/\(PendingErasure.fileName)")
        await (try fixture.open()).close()
    }
}
