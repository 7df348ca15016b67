import Foundation

/// The program that is measured. Its calls block.
struct Circlemeter: Sendable {
    let path: String
    let stage: Stage

    static var besideThisProgram: String {
        URL(filePath: thisProgram).deletingLastPathComponent().appending(path: "circlemeter").path
    }

    static var thisProgram: String { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().path }

    /// What a command prints.
    func output(_ arguments: [String], input: String? = nil) throws -> Data {
        try Command(path, arguments, stage: stage).output(input: input)
    }

    /// A command's JSON.
    func json<Value: Decodable>(_ type: Value.Type, _ arguments: [String]) throws -> Value {
        try Command(path, arguments, stage: stage).json(type)
    }

    /// Adds the connection that deliveries are posted for, in a data directory that it makes.
    func addConnection(in directory: String) throws {
        _ = try output(
            [
                "connection", "add", PreparedRequests.connection, "--org", "gh/bench", "--webhook-secret-file", "-",
                "--data-dir", directory,
            ],
            input: BenchSecret.text
        )
    }

    /// How many records are on the log of a data directory.
    func recordCount(in directory: String) throws -> Int {
        struct Statistics: Decodable { var records: Int }
        return try json(Statistics.self, ["log", "stat", "--json", "--data-dir", directory]).records
    }

    /// A service on ports of its own, ready.
    func serve(_ directory: String) throws -> (server: Server, startTime: Duration) {
        let server = try Server(path, Circlemeter.serveArguments(directory), stage: stage)
        return (server, try server.waitUntilReady())
    }

    static func serveArguments(_ directory: String) -> [String] {
        [
            "serve", "--data-dir", directory, "--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
            "--log-level", "warning",
        ]
    }
}
