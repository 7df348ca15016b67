import Foundation

/// A program that is run to its end. Calls block.
struct Command {
    private let path: String
    private let arguments: [String]
    private let stage: Stage

    init(_ path: String, _ arguments: [String], stage: Stage) {
        self.path = path
        self.arguments = arguments
        self.stage = stage
    }

    /// What it prints; throws, with what it said, where it does not exit with 0.
    func output(input: String? = nil) throws -> Data {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        let errors = try ErrorFile(stage)
        process.standardError = errors.handle
        let inputPipe = Pipe()
        process.standardInput = inputPipe
        try stage.start(process)
        if let input { try inputPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try inputPipe.fileHandleForWriting.close()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        stage.ended(process)
        guard process.terminationStatus == 0 else {
            throw BenchFailure(
                "\(path) \(arguments.joined(separator: " ")) ended with \(process.terminationStatus): \(errors.text)"
            )
        }
        return bytes
    }

    /// The JSON that it prints.
    func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let output = try output()
        do {
            return try JSONDecoder().decode(type, from: output)
        } catch {
            throw BenchFailure(
                "\(path) did not print what was expected: \(String(decoding: output.prefix(200), as: UTF8.self))"
            )
        }
    }

    /// Where a program of this name is; nil where there is none.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// Where a process writes its errors: a file, so that nobody has to read along.
struct ErrorFile {
    let handle: FileHandle
    private let path: String

    init(_ stage: Stage) throws {
        path = "\(stage.directory)/errors-\(UUID().uuidString)"
        guard FileManager.default.createFile(atPath: path, contents: nil) else {
            throw BenchFailure("\(path) cannot be made")
        }
        handle = try FileHandle(forWritingTo: URL(filePath: path))
    }

    var text: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
}
