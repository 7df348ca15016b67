import Glibc
import TestSupport
import Testing

/// What the tests start other programs with.
struct ProgramTests {
    @Test func `a program gets its arguments, environment and input, and all that it says comes back`() throws {
        let script = "echo $1 $NAME; cat >&2; exit 7"
        let program = try Program("/bin/sh", ["-c", script, "sh", "one"], environment: ["NAME": "two"], input: "three")
        var said: [UInt8] = []
        #expect(program.finish { said += $0 } == 7)
        #expect(String(decoding: said, as: UTF8.self) == "one two\nthree")
        #expect(try Program.run("/bin/sh", ["-c", "kill -9 $$"]).status == -SIGKILL)
        #expect(throws: Program.Failure.self) { try Program("/no/such/program", []) }
    }

    /// So many that their names fill the buffer that a directory is read through.
    @Test func `a program inherits none of two thousand open descriptors`() throws {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let descriptors = (0..<2000).map { _ in open("/dev/null", O_RDONLY) }
        defer { for descriptor in descriptors { close(descriptor) } }
        try #require(descriptors.allSatisfy { $0 >= 0 })
        // The fourth is the one that it looks with.
        #expect(try Program.run("/bin/ls", ["/proc/self/fd"]).output == "0\n1\n2\n3\n")
    }
}
