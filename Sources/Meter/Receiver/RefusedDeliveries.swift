import EventLog
import Glibc
import Synchronization
import Wire

/// Deliveries to known connections whose signature fits no secret, kept for a while: whoever typed a secret wrongly can
/// mend it and have them admitted (``ConnectionOperations/retryQuarantine(_:)``). They were answered 401, so nothing is
/// owed: a bounded ring that drops what it cannot take at once, and syncs nothing.
///
/// A file each, as in ``Quarantine``, in `quarantine/refused/CONNECTION/`. Of the request's headers only the signature is
/// kept. Where there is no room, the connection that has most gives its oldest: who floods one connection pushes out
/// nothing of a smaller one.
final class RefusedDeliveries: Sendable {
    struct Limits: Sendable {
        /// Of all files together, in whole blocks of the disk; 0: none is kept.
        var maximumBytes = 64 << 20
        /// Nil: for as long as there is room.
        var maximumAge: Duration? = .seconds(30 * 86_400)
        /// What waits to be written.
        var maximumWaitingCount = 64
        var maximumWaitingBytes = 4 << 20
        /// Of one connection, in any second; `burst` at once.
        var perSecond = 20
        var burst = 1000
        /// What is left to others on the disk.
        var reservedDiskBytes = 256 << 20
    }

    /// What became of a refused delivery.
    enum Outcome: String, Sendable, CaseIterable {
        case kept
        /// It is kept already.
        case repeated
        /// CircleCI would not send that: no JSON object, or one without an event's type and id.
        case implausible
        /// Others wait to be written, or too many came of this connection, or the disk is nearly full.
        case busy
        case failed
    }

    /// Which delivery: its connection and its file's name.
    struct Name: Hashable, Sendable {
        var connection: String
        var file: String

        var description: String { "\(connection)/\(file)" }
    }

    private struct Kept {
        var file: String
        var bytes: Int
        var receivedAt: Timestamp
    }

    private struct State {
        /// By connection, the oldest first.
        var rings: [String: [Kept]] = [:]
        var ringBytes: [String: Int] = [:]
        var bytes = 0
        var digests: Set<String> = []
        var waitingCount = 0
        var waitingBytes = 0
        var allowances: [String: (count: Double, at: Timestamp)] = [:]
    }

    static let directoryName = "refused"
    private static let blockBytes = 4096

    let limits: Limits
    private let directory: String
    private let onOutcome: @Sendable (Outcome) -> Void
    private let queue = BlockingQueue(label: "circlemeter.refused")
    private let state: Mutex<State>

    private init(_ directory: String, _ limits: Limits, _ state: State, _ report: @escaping @Sendable (Outcome) -> Void)
    {
        (self.directory, self.limits, onOutcome) = (directory, limits, report)
        self.state = Mutex(state)
    }

    /// Opens the ring inside a quarantine that is there, and makes it fit its limits. Blocking.
    ///
    /// - Parameter onOutcome: Told of each delivery that was offered.
    /// - Throws: `unwritable_file`, `unreadable_file`.
    static func open(
        dataDirectory: String,
        limits: Limits = Limits(),
        now: Timestamp,
        onOutcome: @escaping @Sendable (Outcome) -> Void = { _ in }
    ) throws(MeterError) -> RefusedDeliveries {
        let directory = "\(dataDirectory)/\(Quarantine.directoryName)/\(directoryName)"
        try PrivateFile.makeDirectory(directory)
        var state = State()
        for connection in try Quarantine.entries(of: directory) where Connection.isValidId(connection) {
            var ring: [Kept] = []
            for file in try Quarantine.entries(of: "\(directory)/\(connection)") {
                let path = "\(directory)/\(connection)/\(file)"
                guard file.hasSuffix(".json"), let receivedAt = Quarantine.instant(ofName: file),
                    let byteCount = FileStamp(path)?.byteCount, byteCount > 0
                else {
                    // Half made when the process or the machine ended.
                    unlink(path)
                    continue
                }
                ring.append(Kept(file: file, bytes: blocks(byteCount), receivedAt: receivedAt))
                state.digests.insert(Quarantine.digest(ofName: file))
            }
            guard !ring.isEmpty else { continue }
            state.ringBytes[connection] = ring.reduce(0) { $0 + $1.bytes }
            state.bytes += state.ringBytes[connection] ?? 0
            state.rings[connection] = ring.sorted { $0.file < $1.file }
        }
        let ring = RefusedDeliveries(directory, limits, state, onOutcome)
        ring.makeRoom(for: 0, of: "", now: now)
        return ring
    }

    /// Keeps a delivery if it can be done without waiting. Never blocks for long, never throws.
    func offer(_ delivery: Quarantine.Delivery) {
        guard limits.maximumBytes > 0 else { return }
        guard admit(delivery) else { return onOutcome(.busy) }
        queue.start { [self] in
            let outcome = keep(delivery)
            state.withLock { state in
                state.waitingCount -= 1
                state.waitingBytes -= delivery.body.count
            }
            onOutcome(outcome)
        }
    }

    /// How many deliveries are kept.
    var count: Int { state.withLock { $0.rings.values.reduce(0) { $0 + $1.count } } }

    func count(of connection: String) -> Int { state.withLock { $0.rings[connection]?.count ?? 0 } }

    /// What they take on the disk.
    var bytes: Int { state.withLock { $0.bytes } }

    /// Those that are kept now, the oldest first.
    /// - Parameter connection: nil: of all.
    func names(of connection: String? = nil, now: Timestamp) async -> [Name] {
        await queue.run { [self] () throws(Never) in
            makeRoom(for: 0, of: "", now: now)
            return state.withLock { state in
                state.rings.filter { connection == nil || $0.key == connection }.flatMap { connection, ring in
                    ring.map { Name(connection: connection, file: $0.file) }
                }
            }.sorted { ($0.file, $0.connection) < ($1.file, $1.connection) }
        }
    }

    /// A delivery; nil where it is gone or unreadable.
    func read(_ name: Name) async -> Quarantine.Delivery? {
        await queue.run { [self] () throws(Never) in
            let path = path(name)
            guard let bytes = try? PrivateFile.read(path, maximumBytes: Quarantine.maximumFileBytes) else { return nil }
            guard let delivery = bytes.withUnsafeBytes({ Quarantine.parse($0) }),
                delivery.connection == name.connection
            else { return nil }
            return delivery
        }
    }

    /// Removes deliveries that are kept elsewhere now, durably.
    /// - Throws: `unwritable_file`: some may be here still, and can be admitted again as the duplicates that they are.
    func remove(_ names: [Name]) async throws(MeterError) {
        try await queue.run { [self] () throws(MeterError) in
            for name in names { forget(name) }
            for connection in Set(names.map(\.connection)) {
                try PrivateFile.syncDirectory(of: "\(directory)/\(connection)/x")
            }
        }
    }

    /// Waits until all that was offered before is written or dropped.
    func settle() async { await queue.run { () throws(Never) in } }

    // MARK: On the queue

    private func keep(_ delivery: Quarantine.Delivery) -> Outcome {
        guard RefusedDeliveries.isPlausible(delivery) else { return .implausible }
        let digest = Quarantine.digest(of: delivery)
        guard !state.withLock({ $0.digests.contains(digest) }) else { return .repeated }
        let content = Quarantine.file(delivery)
        let bytes = RefusedDeliveries.blocks(content.count)
        guard bytes <= limits.maximumBytes, hasRoomOnDisk else { return .busy }
        makeRoom(for: bytes, of: delivery.connection, now: delivery.receivedAt)
        let name = Name(
            connection: delivery.connection,
            file: Quarantine.name(delivery.receivedAt, digest)
        )
        let folder = "\(directory)/\(delivery.connection)"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST,
            (try? PrivateFile.replaceUnsynced(path(name), with: content)) != nil
        else { return .failed }
        state.withLock { state in
            let kept = Kept(file: name.file, bytes: bytes, receivedAt: delivery.receivedAt)
            // Almost always the newest.
            var ring = state.rings[delivery.connection] ?? []
            state.rings[delivery.connection] = nil
            ring.insert(kept, at: (ring.lastIndex { $0.file < kept.file } ?? -1) + 1)
            state.rings[delivery.connection] = ring
            state.ringBytes[delivery.connection, default: 0] += bytes
            state.bytes += bytes
            state.digests.insert(digest)
        }
        return .kept
    }

    /// Drops what is too old, then the oldest of whoever has most, until so many bytes more fit.
    private func makeRoom(for bytes: Int, of connection: String, now: Timestamp) {
        if let age = limits.maximumAge {
            let since = Timestamp(microseconds: now.microseconds - Int64(age / .microseconds(1)))
            let old = state.withLock { state in
                state.rings.flatMap { connection, ring in
                    ring.prefix { $0.receivedAt < since }.map { Name(connection: connection, file: $0.file) }
                }
            }
            for name in old { forget(name) }
        }
        while let name = state.withLock({ state -> Name? in
            guard state.bytes + bytes > limits.maximumBytes else { return nil }
            let sizes = state.ringBytes.filter { $0.value > 0 }.map { name, size in
                (name: name, size: size + (name == connection ? bytes : 0))
            }
            let largest = sizes.max { ($0.size, $0.name) < ($1.size, $1.name) }
            return largest.flatMap { largest in
                state.rings[largest.name]?.first.map { Name(connection: largest.name, file: $0.file) }
            }
        }) { forget(name) }
    }

    private func forget(_ name: Name) {
        unlink(path(name))
        state.withLock { state in
            guard var ring = state.rings[name.connection] else { return }
            state.rings[name.connection] = nil
            if let index = ring.firstIndex(where: { $0.file == name.file }) {
                let kept = ring.remove(at: index)
                state.ringBytes[name.connection, default: 0] -= kept.bytes
                state.bytes -= kept.bytes
                state.digests.remove(Quarantine.digest(ofName: name.file))
            }
            if ring.isEmpty { state.ringBytes[name.connection] = nil } else { state.rings[name.connection] = ring }
        }
    }

    private var hasRoomOnDisk: Bool {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return false }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize) > UInt64(limits.reservedDiskBytes)
    }

    private func path(_ name: Name) -> String { "\(directory)/\(name.connection)/\(name.file)" }

    // MARK: What is taken

    private func admit(_ delivery: Quarantine.Delivery) -> Bool {
        state.withLock { state in
            let now = delivery.receivedAt
            var allowance = state.allowances[delivery.connection] ?? (Double(limits.burst), now)
            let elapsed = Double(max(0, now.microseconds - allowance.at.microseconds)) / 1_000_000
            allowance = (min(Double(limits.burst), allowance.count + elapsed * Double(limits.perSecond)), now)
            defer { state.allowances[delivery.connection] = allowance }
            guard allowance.count >= 1, state.waitingCount < limits.maximumWaitingCount,
                state.waitingBytes + delivery.body.count <= limits.maximumWaitingBytes
            else { return false }
            allowance.count -= 1
            state.waitingCount += 1
            state.waitingBytes += delivery.body.count
            return true
        }
    }

    /// Whether CircleCI could have sent it: a JSON object with an event's type and id, under a signature.
    private static func isPlausible(_ delivery: Quarantine.Delivery) -> Bool {
        guard delivery.signature?.contains("v1=") == true else { return false }
        return delivery.body.withUnsafeBytes { bytes in
            guard case .object(_?) = DeliveryKey.read(bytes, connection: delivery.connection) else { return false }
            return DeliveryKey.type(of: bytes) != nil
        }
    }

    private static func blocks(_ bytes: Int) -> Int { (bytes + blockBytes - 1) / blockBytes * blockBytes }
}
