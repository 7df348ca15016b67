internal import CProcess
import Glibc

/// Keys and secrets lie in memory in plain text while the program runs: no picture of it may reach a disk or a log.
public enum MemorySecrecy {
    /// Says what the runtime prints at a crash. Where it is set, whoever set it has chosen.
    public static let backtraceSetting = "SWIFT_BACKTRACE"

    /// To be called before the first key is read. From then on the process leaves no core dump, and a crash ends it at
    /// once: Swift's backtracer, unless it is asked for, would print registers and the memory that they point to.
    ///
    /// - Throws: `cannot_protect_memory`.
    public static func begin() throws(MeterError) {
        let number = process_forbid_dumps()
        guard number == 0 else {
            throw MeterError(
                .cannotProtectMemory,
                "Dumps of the program's memory cannot be forbidden",
                cause: SystemError(call: "prctl", number: number)
            )
        }
        if getenv(backtraceSetting) == nil { process_end_at_crash() }
    }
}
