import Foundation

/// Runs programs under valgrind's cachegrind. Calls block.
struct Valgrind: Sendable {
    /// libdispatch hands `sigsuspend` a constant, into which valgrind (3.19) writes, and ends: a copy will do for both.
    private static let shim = """
        #include <signal.h>
        #include <sys/syscall.h>
        #include <unistd.h>
        int sigsuspend(const sigset_t *mask) {
            sigset_t copy = *mask;
            return (int)syscall(SYS_rt_sigsuspend, &copy, 8);
        }
        """

    private let stage: Stage
    private let path: String
    private let shim: String

    init(stage: Stage) throws {
        self.stage = stage
        path = try Valgrind.require("valgrind")
        shim = "\(stage.directory)/sigsuspend.so"
        let source = "\(stage.directory)/sigsuspend.c"
        try Data(Valgrind.shim.utf8).write(to: URL(filePath: source))
        _ = try Command(try Valgrind.require("clang"), ["-shared", "-fPIC", "-O1", "-o", shim, source], stage: stage)
            .output()
    }

    /// A copy of a program with its functions' names only: valgrind (3.19) does not understand the rest of what the
    /// compiler writes for debuggers, and gives up.
    func countable(_ program: String) throws -> String {
        let copy = "\(stage.directory)/countable-\(UUID().uuidString)"
        _ = try Command(try Valgrind.require("strip"), ["--strip-debug", "-o", copy, program], stage: stage).output()
        return copy
    }

    /// Runs a program to its end.
    func profile(_ program: String, _ arguments: [String]) throws -> Profile {
        let file = newFile()
        defer { unlink(file) }
        let (path, words) = command(file, program, arguments)
        _ = try Command(path, words, stage: stage).output()
        return try Profile(file)
    }

    /// Runs a service, from its start to its end, which `body` is in between.
    func profileService(_ program: String, _ arguments: [String], _ body: (Server) throws -> Void) throws -> Profile {
        let file = newFile()
        defer { unlink(file) }
        let (path, words) = command(file, program, arguments)
        let server = try Server(path, words, stage: stage)
        _ = try server.waitUntilReady()
        try body(server)
        try server.stop()
        return try Profile(file)
    }

    private func newFile() -> String { "\(stage.directory)/profile-\(UUID().uuidString)" }

    private func command(_ file: String, _ program: String, _ arguments: [String]) -> (String, [String]) {
        let options = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=\(file)", "--log-file=/dev/null"]
        return ("/usr/bin/env", ["LD_PRELOAD=\(shim)", path] + options + [program] + arguments)
    }

    private static func require(_ name: String) throws -> String {
        guard let path = Command.find(name) else { throw BenchFailure("there is no \(name)") }
        return path
    }
}
