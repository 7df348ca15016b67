import Glibc
import Synchronization
import Wire

/// Signed deliveries that are no JSON object, one file each: kept for people to look at, since their sender has a
/// secret and would only send them again.
///
/// A file is `{"received_at","connection","reason","signature","body_base64"}`, named by the time and a digest of
/// connection and body. The same body again is not written again.
final class Quarantine: Sendable {
    struct Delivery: Sendable, Equatable {
        var receivedAt: Timestamp
        var connection: String
        /// Why it is no event: `not_an_object`, or why it is not JSON.
        var reason: String
        /// The signature's header as received.
        var signature: String?
        var body: [UInt8]
    }

    static let directoryName = "quarantine"
    static let maximumFileBytes = 256 << 20

    private let directory: String
    private let queue = BlockingQueue(label: "circlemeter.quarantine")
    /// Digests of what is kept. Written on the queue only.
    private let digests: Mutex<Set<String>>

    private init(_ directory: String, _ digests: Set<String>) {
        self.directory = directory
        self.digests = Mutex(digests)
    }

    /// Opens the directory `quarantine` inside the data directory; makes it where there is none. Blocking.
    ///
    /// - Throws: `unwritable_file`, `unreadable_file`.
    static func open(dataDirectory: String) throws(MeterError) -> Quarantine {
        let directory = "\(dataDirectory)/\(directoryName)"
        try PrivateFile.makeDirectory(directory)
        return Quarantine(directory, Set(try names(in: directory).map(digest(ofName:))))
    }

    /// Keeps a delivery; returns when it is durable.
    ///
    /// - Throws: `unwritable_file`; the delivery is not kept then.
    func keep(_ delivery: Delivery) async throws(MeterError) {
        try await queue.run { [self] () throws(MeterError) in
            let digest = Quarantine.digest(of: delivery)
            guard !digests.withLock({ $0.contains(digest) }) else { return }
            let name = Quarantine.name(delivery.receivedAt, digest)
            try PrivateFile.replace("\(directory)/\(name)", with: Quarantine.file(delivery))
            digests.withLock { _ = $0.insert(digest) }
        }
    }

    /// How many deliveries are kept.
    var count: Int { digests.withLock { $0.count } }

    /// The deliveries that are kept, oldest first.
    ///
    /// - Throws: `unreadable_file`, which names the file.
    func list() async throws(MeterError) -> [(name: String, delivery: Delivery)] {
        try await queue.run { [self] () throws(MeterError) in
            var deliveries: [(name: String, delivery: Delivery)] = []
            for name in try Quarantine.names(in: directory) {
                let path = "\(directory)/\(name)"
                // Somebody may have removed it since.
                guard let bytes = try PrivateFile.read(path, maximumBytes: Quarantine.maximumFileBytes) else {
                    continue
                }
                guard let delivery = bytes.withUnsafeBytes({ Quarantine.parse($0) }) else {
                    throw MeterError(.unreadableFile, "The file is no quarantined delivery", at: path)
                }
                deliveries.append((name, delivery))
            }
            return deliveries
        }
    }

    /// The paths of those files of a data directory whose delivery has a body that `isWanted`. Blocking.
    ///
    /// - Throws: `unreadable_file`.
    static func files(
        in directory: DataDirectory,
        where isWanted: ([UInt8]) -> Bool
    ) throws(MeterError) -> [String] {
        let path = "\(directory.path)/\(directoryName)"
        guard access(path, F_OK) == 0 else { return [] }
        var files = try names(in: path).map { "\(path)/\($0)" }
        let refused = "\(path)/\(RefusedDeliveries.directoryName)"
        if access(refused, F_OK) == 0 {
            for connection in try entries(of: refused) where Connection.isValidId(connection) {
                files += try names(in: "\(refused)/\(connection)").map { "\(refused)/\(connection)/\($0)" }
            }
        }
        var paths: [String] = []
        for file in files {
            guard let bytes = try PrivateFile.read(file, maximumBytes: maximumFileBytes) else { continue }
            if isWanted(bytes.withUnsafeBytes { parse($0) }?.body ?? bytes) { paths.append(file) }
        }
        return paths
    }

    /// The names of the directory's files, in the order of time; what was left half made is no delivery.
    private static func names(in directory: String) throws(MeterError) -> [String] {
        try entries(of: directory).filter { $0.hasSuffix(".json") }
    }

    /// All names in a directory, sorted, without those of the directory itself and the one above.
    static func entries(of directory: String) throws(MeterError) -> [String] {
        guard let stream = opendir(directory) else {
            throw MeterError(
                .unreadableFile,
                "The directory cannot be read",
                at: directory,
                cause: SystemError.last("opendir")
            )
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func digest(of delivery: Delivery) -> String {
        Hex.encode(Randomness.sha256(Array(delivery.connection.utf8) + [0] + delivery.body).prefix(16))
    }

    static func digest(ofName name: String) -> String {
        String(name.dropLast(".json".count).suffix(32))
    }

    static func name(_ receivedAt: Timestamp, _ digest: String) -> String { "\(compact(receivedAt))-\(digest).json" }

    /// When the delivery of a file came; nil where the name is none of ours.
    static func instant(ofName name: String) -> Timestamp? {
        let digits = Array(name.utf8)
        guard digits.count == "20261122T081608.123Z".utf8.count + 1 + 32 + ".json".utf8.count else { return nil }
        let text = String(decoding: digits[..<20], as: UTF8.self)
        let (date, time) = (text.prefix(8), text.dropFirst(9))
        return Timestamp(
            "\(date.prefix(4))-\(date.dropFirst(4).prefix(2))-\(date.suffix(2))T\(time.prefix(2)):"
                + "\(time.dropFirst(2).prefix(2)):\(time.dropFirst(4))"
        )
    }

    /// `20261122T081608.123Z`: sorts by time, and is a file's name everywhere.
    private static func compact(_ instant: Timestamp) -> String {
        instant.description.filter { $0 != "-" && $0 != ":" }
    }

    static func file(_ delivery: Delivery) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { file in
            file.member("received_at", delivery.receivedAt.description)
            file.member("connection", delivery.connection)
            file.member("reason", delivery.reason)
            file.member("signature", delivery.signature)
            file.member("body_base64", Base64.encode(delivery.body))
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    static func parse(_ bytes: UnsafeRawBufferPointer) -> Delivery? {
        var texts: [String: String] = [:]
        do throws(JSONError) {
            var scanner = try JSONScanner(bytes)
            guard var members = try scanner.enterObject() else { return nil }
            while let name = try scanner.nextMember(&members) {
                if let text = try scanner.textOrSkip() { texts[name.string(in: bytes)] = text.string(in: bytes) }
            }
            try scanner.finish()
        } catch {
            return nil
        }
        guard let receivedAt = texts["received_at"].flatMap({ Timestamp($0) }), let connection = texts["connection"],
            let reason = texts["reason"], let body = texts["body_base64"].flatMap({ Base64.decode($0) })
        else { return nil }
        return Delivery(
            receivedAt: receivedAt,
            connection: connection,
            reason: reason,
            signature: texts["signature"],
            body: body
        )
    }
}
