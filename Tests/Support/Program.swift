import CSpawn
import FoundationEssentials
import Glibc

/// Another program, run as a process of its own, in a process group of its own.
///
/// Foundation's `Process` does not serve here: where this process has more than some 1,350 descriptors open, it reads past
/// the end of a buffer, and at times dies of it (swift-corelibs-foundation 5472; Swift 6.3.1 has the defect).
public struct Program: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    public let processID: Int32
    /// Where its standard output and error come together.
    private let output: Int32

    /// Starts it, with no descriptor but the three.
    ///
    /// - Parameters:
    ///   - path: The program's file.
    ///   - environment: By default, that of this process.
    ///   - input: All that it can read; no more than a pipe holds.
    public init(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]? = nil,
        input: String = ""
    ) throws {
        let given = try Pipe()
        let said = try Pipe()
        defer { for descriptor in [given.read, given.write, said.write] { close(descriptor) } }
        let bytes = Array(input.utf8)
        guard write(given.write, bytes, bytes.count) == bytes.count else { throw Program.failure("write", errno) }

        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = environment ?? ProcessInfo.processInfo.environment
        let settings = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in words + settings { free(text) } }
        var processID: Int32 = 0
        let number = spawn_program(path, words, settings, given.read, said.write, &processID)
        guard number == 0 else {
            close(said.read)
            throw Program.failure("\(path) cannot be started", number)
        }
        self.processID = processID
        output = said.read
    }

    /// Hands over what it writes, as it comes, until it has ended. Blocks; to be called once.
    ///
    /// - Returns: The exit status, minus the signal's number where one ended it.
    public func finish(_ body: (ArraySlice<UInt8>) -> Void) -> Int32 {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(output, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            body(chunk[..<count])
        }
        close(output)
        var status: Int32 = 0
        while waitpid(processID, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : -signal
    }

    /// Runs a program to its end: its exit status, and all that it wrote. Blocks.
    public static func run(
        _ path: String,
        _ arguments: [String],
        environment: [String: String]? = nil
    ) throws -> (status: Int32, output: String) {
        var output: [UInt8] = []
        let status = try Program(path, arguments, environment: environment).finish { output += $0 }
        return (status, String(decoding: output, as: UTF8.self))
    }

    /// Closed in every program that is started.
    private struct Pipe {
        let read: Int32
        let write: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            let number = spawn_pipe(&ends)
            guard number == 0 else { throw Program.failure("pipe", number) }
            (read, write) = (ends[0], ends[1])
        }
    }

    private static func failure(_ what: String, _ number: Int32) -> Failure {
        Failure(description: "\(what): \(String(cString: strerror(number)))")
    }
}
