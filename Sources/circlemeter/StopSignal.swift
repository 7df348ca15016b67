import Dispatch
import Glibc
import Synchronization

/// Whether the process was told to stop, beside whoever else acts on that.
final class StopSignal: Sendable {
    private let isRequested = Atomic(false)
    // DispatchSource is not Sendable; nothing is asked of these after they were resumed but to be released.
    private nonisolated(unsafe) var sources: [any DispatchSourceSignal] = []

    init() {
        let queue = DispatchQueue(label: "circlemeter.stop")
        sources = [SIGINT, SIGTERM].map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [weak self] in self?.isRequested.store(true, ordering: .relaxed) }
            source.resume()
            return source
        }
    }

    var isTold: Bool { isRequested.load(ordering: .relaxed) }
}
