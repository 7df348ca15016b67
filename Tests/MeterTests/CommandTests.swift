import Foundation
import TestSupport
import Testing

/// The commands as their users call them: what they say, where they say it, and how they exit.
struct CommandTests {
    private let directory = TemporaryDirectory()
    private var data: String { directory.path("data") }

    @Test(arguments: [
        ["snapshot"], ["replay", "--bogus"], ["log", "cat", "--from", "yesterday", "--data-dir", "/"],
        ["connection", "add", "ACME", "--org", "gh/a", "--webhook-secret-file", "/dev/null", "--data-dir", "x"],
        ["serve", "--data-dir", "x", "--webhook-address", "nonsense"], ["nonsense"], ["redeliver"],
        ["demo", "--rate", "0"], ["replay", "--to", "-1", "--data-dir", "x"], ["report", "nonsense"],
        ["report", "usage", "--period", "fortnight", "--data-dir", "x"], ["report", "counters", "--data-dir", "x"],
        ["report", "usage", "--group-by", "branch,job", "--data-dir", "x"],
    ])
    func `misuse exits with 2 and says something`(_ arguments: [String]) async throws {
        let (status, output) = try await ChildProcess.run(arguments)
        #expect(status == 2, "\(output)")
        #expect(!output.isEmpty)
    }

    @Test(arguments: [
        ["snapshot"], ["log", "verify"], ["log", "stat"], ["log", "cat"], ["replay"], ["report", "usage"],
    ])
    func `a directory without a log is found wrong, with what to do`(_ arguments: [String]) async throws {
        let (status, output) = try await ChildProcess.run(arguments + ["--data-dir", data])
        #expect(status == 1)
        #expect(output.contains("there is no log in \(data)"))
        #expect(output.contains("circlemeter serve"))
    }

    @Test func `a connection is added once, without its secret in any file or output`() async throws {
        let secret = "a-secret-that-must-not-show"
        let arguments = [
            "connection", "add", "acme", "--org", "gh/acme", "--webhook-secret-file", "-", "--data-dir", data,
        ]
        let added = try await ChildProcess.run(arguments, input: secret + "\n")
        #expect(added.status == 0, "\(added.output)")
        let again = try await ChildProcess.run(arguments, input: secret + "\n")
        #expect(again.status == 1)
        #expect(again.output.contains("connection_exists"))
        let listed = try await ChildProcess.run(["connection", "list", "--json", "--data-dir", data])
        #expect(listed.status == 0)
        #expect(listed.output.contains("\"id\":\"acme\""))
        let shown = try await ChildProcess.run(["log", "cat", "--data-dir", data])
        #expect(shown.output.contains("\"state\":\"connected\""))
        var files = 0
        for case let path as String in FileManager.default.enumerator(atPath: data)! {
            guard let bytes = FileManager.default.contents(atPath: "\(data)/\(path)") else { continue }
            files += 1
            #expect(!bytes.contains(Data(secret.utf8)), "\(path)")
        }
        #expect(files >= 3)
        #expect(!(added.output + again.output + listed.output + shown.output).contains(secret))
    }

    @Test func `an export from the future and what is no file are refused, and nothing is added`() async throws {
        _ = try await ChildProcess.run(
            ["connection", "add", "acme", "--org", "gh/acme", "--webhook-secret-file", "-", "--data-dir", data],
            input: "secret"
        )
        let export = directory.path("export.csv")
        try Data("JOB_ID\n".utf8).write(to: URL(filePath: export))
        let future = try await ChildProcess.run([
            "settle", "--file", export, "--exported-at", "2062-11-01", "--data-dir", data,
        ])
        #expect(future.status == 1 && future.output.contains("in the future"), "\(future.output)")
        let pipe = directory.path("pipe")
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, directory.path, directory.path("nowhere")] {
            let refused = try await ChildProcess.run([
                "settle", "--file", path, "--exported-at", "2026-11-01", "--data-dir", data,
            ])
            #expect(refused.status == 1 && refused.output.contains("no file that can be read"), "\(refused.output)")
        }
        // A link is followed to the file.
        let link = directory.path("latest.csv")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "export.csv")
        let linked = try await ChildProcess.run(["settle", "--file", link, "--data-dir", data])
        #expect(linked.status == 1 && linked.output.contains("columns are missing"), "\(linked.output)")
        let incoming = try FileManager.default.contentsOfDirectory(atPath: "\(data)/exports/incoming")
        #expect(incoming.isEmpty)
    }

    @Test func `with a service running, commands go through it`() async throws {
        let service = try ChildProcess([
            "serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
        ])
        _ = try await service.line(after: "dashboard: ")
        let added = try await ChildProcess.run(
            ["connection", "add", "acme", "--org", "gh/acme", "--webhook-secret-file", "-", "--data-dir", data],
            input: "secret"
        )
        #expect(added.status == 0, "\(added.output)")
        let replayed = try await ChildProcess.run(["replay", "--data-dir", data])
        #expect(replayed.status == 0, "\(replayed.output)")
        let second = try await ChildProcess.run(["serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0"])
        #expect(second.status == 1)
        #expect(second.output.contains("locked"))
        service.send(SIGTERM)
        #expect(await service.status() == 0)
        let snapshot = try await ChildProcess.run(["snapshot", "--data-dir", data])
        #expect(snapshot.output.contains("\"connection\":\"acme\",\"state\":\"connected\""))
        #expect(!FileManager.default.fileExists(atPath: "\(data)/service.json"))
    }

    @Test(arguments: ["acme: connected", "the past 1 days: ", "acme: CircleCI is asked"])
    func `a demo that is interrupted, wherever it is, ends without a complaint`(_ line: String) async throws {
        let demo = try ChildProcess([
            "demo", "--days", "1", "--pipelines-per-day", "3", "--rate", "1000", "--webhook-address", "127.0.0.1:0",
            "--dashboard-address", "127.0.0.1:0", "--data-dir", data,
        ])
        _ = try await demo.line(after: line)
        demo.send(SIGINT)
        let status = await demo.status()
        let output = await demo.output()
        #expect(status == 0 && !output.contains("Error") && !output.contains("hint"), "\(output)")
    }

    @Test func `damage is named with segment, line and byte, and exits with 1`() async throws {
        let demo = try await ChildProcess.run([
            "demo", "--exit-when-sent", "--days", "1", "--pipelines-per-day", "3", "--rate", "1000", "--data-dir", data,
            "--webhook-address",
            "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
        ])
        #expect(demo.status == 0, "\(demo.output)")
        let path = URL(filePath: "\(data)/log/00000000000000000001.ndjson")
        var bytes = try Data(contentsOf: path)
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        try #require(lines.count > 10)
        bytes[lines[3].startIndex + 30] ^= 1
        try bytes.write(to: path)
        let verified = try await ChildProcess.run(["log", "verify", "--data-dir", data])
        #expect(verified.status == 1)
        #expect(verified.output.contains("segment 1, line 4, byte \(lines[3].startIndex)"))
        let json = try await ChildProcess.run(["log", "verify", "--json", "--data-dir", data])
        #expect(json.status == 1)
        #expect(json.output.contains("\"intact\":false"))
        let shown = try await ChildProcess.run(["log", "cat", "--data-dir", data])
        #expect(shown.status == 1)
        #expect(shown.output.split(separator: "\n").count { $0.hasPrefix("{\"sequence\"") } == lines.count - 2)
    }
}
