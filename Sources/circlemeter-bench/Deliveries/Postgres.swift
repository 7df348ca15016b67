import CircleCI
import FakeCircleCI
import Foundation
import NIOCore
import Wire

/// PostgreSQL as its package leaves it, which inserts the same rows over its own protocol with a prepared statement: no
/// HTTP, and the signature is kept but not checked.
struct Postgres: DeliveryReceiver {
    let name = "PostgreSQL"
    let programs: String
    let stage: Stage
    let secret: WebhookSecret

    /// The folder of its programs; nil where there are none.
    static func find() -> String? {
        let parent = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        let latest = versions.compactMap { Int($0) }.max()
        return latest.map { "\(parent)/\($0)/bin" }
    }

    var version: String? {
        let output = try? Command("\(programs)/postgres", ["--version"], stage: stage).output()
        return output.flatMap { String(decoding: $0, as: UTF8.self).split(separator: " ").dropFirst(2).first }
            .map(String.init)
    }

    func start(in directory: String) throws -> (server: Server, address: SocketAddress) {
        // As root it will not run: the package's user must reach the directory then, and own it.
        if getuid() == 0 {
            for path in [stage.directory, directory] {
                try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: path)
            }
            _ = try Command("/bin/chown", ["postgres", directory], stage: stage).output()
        }
        _ = try command(
            "initdb",
            ["-D", "\(directory)/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        ).output()
        let (path, arguments) = asUser(
            "postgres",
            [
                "-D", "\(directory)/data", "-c", "listen_addresses=", "-c", "unix_socket_directories=\(directory)",
                "-c",
                "synchronous_commit=on",
            ]
        )
        let server = try Server(path, arguments, stage: stage, endsWith: SIGQUIT)
        try server.waitFor("ready to accept connections")
        _ = try query(Postgres.table, in: directory)
        return (server, try SocketAddress(unixDomainSocketPath: "\(directory)/.s.PGSQL.5432"))
    }

    /// The rows are counted while it still runs: a cluster that was ended at once recovers first.
    func end(_ server: Server, in directory: String) throws {
        try Data(query("SELECT count(*) FROM deliveries", in: directory).utf8)
            .write(to: URL(filePath: countPath(directory)))
        try server.stop()
    }

    func keptCount(in directory: String) throws -> Int? {
        let text = try String(contentsOfFile: countPath(directory), encoding: .utf8)
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    var dialect: LoadDialect {
        var startup = ByteBuffer()
        let parameters = "user\0postgres\0database\0postgres\0\0"
        startup.writeInteger(Int32(8 + parameters.utf8.count))
        startup.writeInteger(Int32(3 << 16))
        startup.writeString(parameters)
        var prepare = ByteBuffer()
        Postgres.write("P", into: &prepare) { buffer in
            buffer.writeString("insert\0\(Postgres.insert)\0")
            buffer.writeInteger(Int16(0))
        }
        Postgres.write("S", into: &prepare) { _ in }
        return .postgres(greetings: [startup, prepare])
    }

    func write(_ delivery: GeneratedDelivery, into buffer: inout ByteBuffer) {
        let values: [[UInt8]] = [
            Array(delivery.webhookID.utf8), Array(delivery.eventID.utf8), Array(PreparedRequests.connection.utf8),
            Array(delivery.sentAt.description.utf8),
            Array(WebhookSignature.header(for: delivery.body, secret: secret).utf8), delivery.body,
        ]
        Postgres.write("B", into: &buffer) { buffer in
            buffer.writeString("\0insert\0")
            // All as text but the last, which is taken as it is.
            buffer.writeInteger(Int16(values.count))
            for index in values.indices { buffer.writeInteger(Int16(index == values.count - 1 ? 1 : 0)) }
            buffer.writeInteger(Int16(values.count))
            for value in values {
                buffer.writeInteger(Int32(value.count))
                buffer.writeBytes(value)
            }
            buffer.writeInteger(Int16(0))
        }
        Postgres.write("E", into: &buffer) { buffer in
            buffer.writeString("\0")
            buffer.writeInteger(Int32(0))
        }
        Postgres.write("S", into: &buffer) { _ in }
    }

    private static let table = """
        CREATE TABLE deliveries (webhook text, event text, connection text, received_at timestamptz, signature text,
            body bytea, PRIMARY KEY (webhook, event))
        """
    private static let insert = """
        INSERT INTO deliveries (webhook, event, connection, received_at, signature, body) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """

    /// A message: its letter, its length, what it says.
    private static func write(_ letter: Character, into buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        buffer.writeString(String(letter))
        let start = buffer.writerIndex
        buffer.writeInteger(Int32(0))
        body(&buffer)
        buffer.setInteger(Int32(buffer.writerIndex - start), at: start)
    }

    private func countPath(_ directory: String) -> String { "\(directory)/count" }

    private func query(_ text: String, in directory: String) throws -> String {
        let output = try command("psql", ["-X", "-q", "-A", "-t", "-h", directory, "-U", "postgres", "-c", text])
            .output()
        return String(decoding: output, as: UTF8.self)
    }

    private func command(_ name: String, _ arguments: [String]) -> Command {
        let (path, arguments) = asUser(name, arguments)
        return Command(path, arguments, stage: stage)
    }

    private func asUser(_ name: String, _ arguments: [String]) -> (String, [String]) {
        guard getuid() == 0 else { return ("\(programs)/\(name)", arguments) }
        return (
            "/usr/bin/setpriv",
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", "\(programs)/\(name)"] + arguments
        )
    }
}
