import Dispatch
import EventLog
import Synchronization

/// The machine's file system, whose `fdatasync` can be held until it is let go.
final class GatedFileSystem: WrappingFileSystem {
    let base = PosixFileSystem()
    private let isHeld = Mutex<Int32?>(nil)
    private let waits = Mutex(false)
    private let gate = DispatchSemaphore(value: 0)

    /// The next sync waits for ``release()``, and fails then where a number is given.
    func hold(failing number: Int32 = 0) { isHeld.withLock { $0 = number } }

    /// Whether a sync waits.
    var isWaiting: Bool { waits.withLock { $0 } }

    func release() { gate.signal() }

    func synchronizeData(_ descriptor: Int32) throws(SystemError) {
        let held = isHeld.withLock { isHeld in
            defer { isHeld = nil }
            return isHeld
        }
        if let held {
            waits.withLock { $0 = true }
            gate.wait()
            waits.withLock { $0 = false }
            if held != 0 { throw SystemError(call: "fdatasync", number: held) }
        }
        try base.synchronizeData(descriptor)
    }
}

/// The machine's file system without its syncs: for tests about bytes, of which there are many.
struct UnsyncedFileSystem: WrappingFileSystem {
    let base = PosixFileSystem()

    func synchronizeData(_ descriptor: Int32) {}
    func synchronize(_ descriptor: Int32) {}
}

/// Lets other tasks run until something has come to be.
func waitUntil(_ condition: () -> Bool) async {
    while !condition() { await Task.yield() }
}
