import ArgumentParser
import Foundation

/// What a program took, from its start to its end.
struct Resources: Codable {
    var seconds: Double
    /// In user and in kernel mode.
    var processorSeconds: Double
    var peakResidentBytes: Int

    /// Runs a program to its end; what it prints is dropped. Blocks.
    /// - Parameter cores: how many cores it may use; nil: all.
    static func of(_ path: String, _ arguments: [String], cores: Int? = nil, stage: Stage) throws -> Resources {
        var words = [path] + arguments
        if let cores, let taskset = Command.find("taskset") {
            words = [taskset, "-c", (0..<cores).map(String.init).joined(separator: ",")] + words
        }
        // It ends with the process that waits for it.
        if let setpriv = Command.find("setpriv") { words = [setpriv, "--pdeathsig", "KILL"] + words }
        // Through a small process: what is the parent's at the time of the start would count as the program's.
        return try Command(Circlemeter.thisProgram, ["resources"] + words, stage: stage).json(Resources.self)
    }
}

/// Runs a program and says what it took. Foundation's `Process` waits for its children itself, and tells no more than how
/// they ended.
struct ResourcesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resources", shouldDisplay: false)

    @Argument(parsing: .captureForPassthrough)
    var words: [String]

    func run() throws {
        guard let path = words.first else { throw BenchFailure("no program") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        let arguments = words.map { strdup($0) } + [nil]
        let environment = ProcessInfo.processInfo.environment.map { strdup("\($0)=\($1)") } + [nil]
        var process: pid_t = 0
        let begin = ContinuousClock.now
        guard posix_spawn(&process, path, &actions, nil, arguments, environment) == 0 else {
            throw BenchFailure("\(path) cannot be started")
        }
        var status: Int32 = 0
        var usage = rusage()
        while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
        let seconds = (ContinuousClock.now - begin).milliseconds / 1000
        guard status == 0 else { throw BenchFailure("\(words.joined(separator: " ")) ended with status \(status)") }
        func inSeconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        let resources = Resources(
            seconds: seconds,
            processorSeconds: inSeconds(usage.ru_utime) + inSeconds(usage.ru_stime),
            peakResidentBytes: usage.ru_maxrss << 10
        )
        print(String(decoding: try JSONEncoder().encode(resources), as: UTF8.self))
    }
}
