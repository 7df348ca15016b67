import Foundation
import Meter
import Testing

/// `circlemeter log repair` as a process.
struct LogRepairCommandTests {
    @Test func `a damaged log is repaired from a copy, and its records count again`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        #expect(try await log.run("replay").status == 0)
        let whole = try await log.run("snapshot")
        let names = log.written.keys.sorted()
        try log.damage(names[1])
        try FileManager.default.removeItem(atPath: "\(log.data.log)/\(names[2])")
        let damaged = try log.files()
        #expect(try await log.run("log", "verify").status == 1)
        #expect(try await log.run("replay").status == 0)
        let less = try await log.run("snapshot")
        #expect(less.output != whole.output)

        let looked = try await log.run("log", "repair", "--from", copy, "--dry-run")
        #expect(
            looked.status == 0 && looked.output.contains("2 of 2 damaged places would be whole again"),
            "\(looked.output)"
        )
        #expect(try log.files() == damaged)
        #expect(try await log.run("snapshot").output == less.output)

        let repaired = try await log.run("log", "repair", "--from", copy, "--json")
        #expect(
            repaired.status == 0 && repaired.output.contains(#""intact":true,"repaired_damages":2"#),
            "\(repaired.output)"
        )
        #expect(try log.files() == log.written)
        #expect(try await log.run("snapshot").output == whole.output)
        let again = try await log.run("log", "repair", "--from", copy)
        #expect(again.status == 0 && again.output.contains("intact; nothing to repair"), "\(again.output)")
    }

    @Test func `what no copy proves is left and named, with exit 1`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        let name = try #require(log.written.keys.min())
        try FileManager.default.removeItem(atPath: "\(copy)/\(name)")
        try log.damage(name)
        let damaged = try log.files()
        for arguments in [["--from", copy], []] {
            let left = try await ChildProcess.run(["log", "repair", "--data-dir", log.data.path] + arguments)
            #expect(left.status == 1 && left.output.contains("damage left: bad_line in segment 1"), "\(left.output)")
            #expect(left.output.contains("0 of 1 damaged places are whole again"), "\(left.output)")
        }
        #expect(try log.files() == damaged)
    }

    @Test func `a repair that ended before its snapshot was made goes on with that`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        #expect(try await log.run("replay").status == 0)
        let whole = try await log.run("snapshot")
        // As a process that was killed between the two leaves it.
        try FileManager.default.removeItem(atPath: log.data.usage)
        let again = try await log.run("log", "repair", "--from", copy)
        #expect(again.status == 0, "\(again.output)")
        #expect(try await log.run("snapshot").output == whole.output)
    }

    @Test func `a snapshot that was made of a damaged log is gone before the log is changed`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        try log.damage(try #require(log.written.keys.min()))
        #expect(try await log.run("replay").status == 0)
        // The segment cannot be written, and the repair ends there.
        let name = try #require(log.written.keys.min())
        try FileManager.default.createDirectory(
            atPath: "\(log.data.log)/\(name).tmp",
            withIntermediateDirectories: false
        )
        let failed = try await log.run("log", "repair", "--from", copy)
        #expect(failed.status == 1 && failed.output.contains("cannot be repaired"), "\(failed.output)")
        #expect(!FileManager.default.fileExists(atPath: log.data.usage))
    }

    @Test func `a copy that goes on behind the log's end is named, with exit 1`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        try FileManager.default.removeItem(atPath: "\(log.data.log)/\(try #require(log.written.keys.max()))")
        let ended = try await log.run("log", "repair", "--from", copy)
        #expect(ended.status == 1 && ended.output.contains("the copy goes on to record 40"), "\(ended.output)")
        #expect(try log.files().count == log.written.count - 1)
    }

    @Test func `a copy that is none is misuse, and a running service keeps all but a look off`() async throws {
        let log = try await SegmentedLog()
        let copy = try log.copy()
        let empty = "\(log.data.path)/empty"
        try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: false)
        for wrong in ["\(copy)/nothing", log.data.path, log.data.log, empty] {
            let refused = try await log.run("log", "repair", "--from", wrong)
            #expect(refused.status == 2, "\(wrong): \(refused.output)")
        }
        let service = try log.serve()
        _ = try await service.line(after: "dashboard: ")
        let refused = try await log.run("log", "repair", "--from", copy)
        #expect(refused.status == 1 && refused.output.contains("a service is running"), "\(refused.output)")
        let looked = try await log.run("log", "repair", "--from", copy, "--dry-run")
        #expect(looked.status == 0 && looked.output.contains("nothing to repair"), "\(looked.output)")
        service.send(SIGTERM)
        #expect(await service.status() == 0)
    }
}
