import Foundation
import Glibc
import NIOCore

/// The files of a connection's usage exports in `DATA_DIR/exports`: the state, and what was downloaded.
///
/// Names of downloads are `ID.NAME.csv`; only complete files bear them.
struct ExportFiles: Sendable {
    let connection: String
    private let directory: String
    private let queue = BlockingQueue(label: "circlemeter.exports")

    private static let maximumStateBytes = 1 << 20

    init(_ connection: String, in directory: DataDirectory) {
        self.connection = connection
        self.directory = directory.exports
    }

    private var statePath: String { "\(directory)/\(connection).json" }

    func path(_ name: String) -> String { "\(directory)/\(connection).\(name).csv" }

    /// The state; nil where there is none.
    /// - Throws: `unreadable_file`.
    func load() async throws(MeterError) -> ExportState? {
        try await queue.run { [statePath] () throws(MeterError) in
            guard let bytes = try PrivateFile.read(statePath, maximumBytes: ExportFiles.maximumStateBytes) else {
                return nil
            }
            do {
                let state = try JSONDecoder().decode(ExportState.self, from: Data(bytes))
                guard state.isInOrder else { throw CocoaError(.fileReadCorruptFile) }
                return state
            } catch {
                throw MeterError(.unreadableFile, "The state of the usage exports cannot be read", at: statePath)
            }
        }
    }

    /// Durable once it returns.
    /// - Throws: `unwritable_file`.
    func save(_ state: ExportState) async throws(MeterError) {
        try await queue.run { [statePath, directory] () throws(MeterError) in
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard let json = try? encoder.encode(state) else {
                preconditionFailure("the state of the usage exports has no JSON")
            }
            try PrivateFile.makeDirectory(directory)
            try PrivateFile.replace(statePath, with: [UInt8](json) + [UInt8(ascii: "\n")])
        }
    }

    /// Those of the names whose files are not there.
    func missing(of names: [String]) async -> [String] {
        let paths = names.map { ($0, path($0)) }
        return await queue.run { paths.filter { access($0.1, F_OK) != 0 }.map(\.0) }
    }

    func remove(_ names: [String]) async {
        let paths = names.map(path)
        await queue.run { for path in paths { unlink(path) } }
    }

    /// Removes what a crash left: downloads that are not complete, and those of exports that are not under way.
    func removeStrangers(keeping names: [String]) async {
        let kept = Set(names.map { "\(connection).\($0).csv" } + ["\(connection).json"])
        let prefix = "\(connection)."
        await queue.run { [directory] in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            for name in names where name.hasPrefix(prefix) && !kept.contains(name) { unlink("\(directory)/\(name)") }
        }
    }

    /// Removes everything of connections that are no more.
    static func removeAll(in directory: DataDirectory, except connections: Set<String>) async {
        let path = directory.exports
        await BlockingQueue(label: "circlemeter.exports").run {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            // No connection's id has a dot, and the folder of files that were laid down has none.
            for name in names where name.contains(".") && !connections.contains(String(name.prefix { $0 != "." })) {
                unlink("\(path)/\(name)")
            }
        }
    }
}

/// A file that is being downloaded, written on a thread of its own. It has its name only once it is complete and synced.
actor ExportDownload {
    private let executor = QueueExecutor(label: "circlemeter.download")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let path: String
    private let temporary: String
    private var descriptor: Int32 = -1
    private(set) var byteCount = 0

    init(_ path: String) {
        self.path = path
        temporary = "\(path).tmp-\(Randomness.text().prefix(16))"
    }

    func open() throws(MeterError) {
        descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, PrivateFile.mode)
        guard descriptor >= 0 else { throw unwritable("open") }
    }

    func write(_ buffer: ByteBuffer) throws(MeterError) {
        var rest = buffer
        while rest.readableBytes > 0 {
            let count = rest.withUnsafeReadableBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw unwritable("write")
            }
            rest.moveReaderIndex(forwardBy: count)
            byteCount += count
        }
    }

    /// Gives the file its name, durably.
    func finish() throws(MeterError) {
        guard fsync(descriptor) == 0 else { throw unwritable("fsync") }
        close(descriptor)
        descriptor = -1
        guard rename(temporary, path) == 0 else { throw unwritable("rename") }
        try PrivateFile.syncDirectory(of: path)
    }

    /// Leaves nothing behind.
    func abandon() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        unlink(temporary)
    }

    private func unwritable(_ call: String) -> MeterError {
        MeterError(
            .unwritableFile,
            "A file of a usage export cannot be kept",
            at: path,
            cause: SystemError.last(call),
            hint: "check that the data directory has room"
        )
    }
}
