import Dispatch
import Foundation
import Synchronization

/// What a run must not leave behind: a temporary directory, and the processes that it started.
final class Stage: Sendable {
    let directory: String
    /// The processes, with the signal that ends each; nil once the stage is cleared.
    private let running = Mutex<[Int32: Int32]?>([:])

    init(under parent: String) throws {
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        var template = Array("\(parent)/circlemeter-bench-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else {
            throw BenchFailure("no temporary directory can be made in \(parent): \(String(cString: strerror(errno)))")
        }
        directory = String(cString: path)
    }

    /// Starts a process that ends with the stage at the latest.
    /// - Parameter signal: what ends it, with all that it started.
    func start(_ process: Process, endsWith signal: Int32 = SIGKILL) throws {
        // Under the lock, so that no interruption comes between the start and the note of it.
        try running.withLock { running in
            guard running != nil else { throw BenchFailure("interrupted") }
            try process.run()
            running?[process.processIdentifier] = signal
        }
    }

    /// The process has been waited for: its number may belong to another soon.
    func ended(_ process: Process) {
        running.withLock { $0?[process.processIdentifier] = nil }
    }

    /// Ends what still runs and removes the directory.
    /// - Parameter finish: Called before anybody else can know that it is done.
    func clear(finish: () -> Void = {}) {
        // Under the lock to the end: who comes second must not exit before all is gone.
        running.withLock { running in
            for (process, signal) in running ?? [:] {
                kill(process, signal)
                // Until it has ended it may go on writing.
                waitpid(process, nil, 0)
            }
            running = nil
            // Somebody who does not know yet may be removing a part of it, which makes a removal of all give up.
            for _ in 0..<100 where FileManager.default.fileExists(atPath: directory) {
                try? FileManager.default.removeItem(atPath: directory)
            }
            finish()
        }
    }

    /// Clears up on SIGINT and SIGTERM, and exits as the shell expects.
    func clearOnInterruption() {
        let queue = DispatchQueue(label: "bench.interruption")
        for number in [SIGINT, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in
                // The handler keeps the source alive, which would watch no longer without an owner.
                withExtendedLifetime(source) { clear { _exit(128 + number) } }
            }
            source.activate()
        }
    }

    /// A line on how far it is.
    static func note(_ text: String) {
        FileHandle.standardError.write(Data("bench: \(text)\n".utf8))
    }
}
