import FakeCircleCI
import Foundation
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

/// Every byte of what keeps the secrets, each with a bit flipped: eight seeds that follow each other flip every bit.
struct VaultCorruptionTests {
    @Test(.timeLimit(.minutes(600)))
    func `a flipped bit in the connections or the master key is found, named and never taken for another value`()
        async throws
    {
        let campaign = Campaign("vault-corruption", unit: "seeds", short: 1)
        while let seed = campaign.nextSeed() {
            let vault = try await CorruptibleVault(seed: seed)
            for name in ["connections.json", "master-key"] {
                for index in vault.pristine(name).indices {
                    let bit = UInt8(1) << UInt8((seed &+ UInt64(index)) % 8)
                    try await campaign.count(vault.outcome(of: name, index, flipping: bit))
                }
            }
        }
        campaign.finish()
    }

    @Test func `a service that starts on a damaged vault says which file, and what to do`() async throws {
        let vault = try await CorruptibleVault(seed: TestSeed.of(round: 0))
        let path = vault.directory.path("connections.json")
        var bytes = vault.pristine("connections.json")
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(filePath: path))
        chmod(path, 0o600)
        let listeners = ["--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0"]
        let started = try await ChildProcess.run(["serve", "--data-dir", vault.directory.path] + listeners)
        #expect(started.status == 1)
        #expect(started.output.contains(path) && started.output.contains("backup"), "\(started.output)")
        #expect([UInt8](try Data(contentsOf: URL(filePath: path))) == bytes, "what is damaged is left as it is")
    }
}

/// Two connections with secrets, a key, hooks and days, as they were written.
private struct CorruptibleVault {
    let directory = TemporaryDirectory()
    private let seed: UInt64
    private var files: [String: [UInt8]] = [:]
    private var truth: [String] = []

    init(seed: UInt64) async throws {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        let store = try await open()
        for id in ["acme", "beta"] {
            func secret() -> Secret { Secret((0..<24).map { _ in UInt8.random(in: 33...126, using: &random) }) }
            let added = Timestamp("2026-11-22T08:00:00.123Z")!
            let until = Timestamp("2026-11-29T08:00:00.000Z")!
            try await store.add(
                try Connection(
                    id: id,
                    organization: "gh/\(id)",
                    webhookSecrets: [.init(secret(), validUntil: until), .init(secret(), validFrom: added)],
                    projects: ["gh/\(id)/web"],
                    addedAt: added,
                    apiKey: secret(),
                    keyExpires: Day("2027-11-22"),
                    hooks: [ProjectHook(projectID: "p1", slug: "github/\(id)/web", webhookID: "w1", createdAt: added)]
                )
            )
        }
        for name in ["connections.json", "master-key"] {
            files[name] = [UInt8](try Data(contentsOf: URL(filePath: directory.path(name))))
        }
        truth = CorruptibleVault.fields(store)
    }

    func pristine(_ name: String) -> [UInt8] { files[name] ?? [] }

    private func open() async throws -> ConnectionStore {
        try await ConnectionStore.open(
            dataDirectory: directory.path,
            vault: try Vault.load(directory.path, environment: [:])
        )
    }

    /// Flips, opens, and makes good again.
    func outcome(of name: String, _ index: Int, flipping bit: UInt8) async throws -> String {
        var bytes = pristine(name)
        bytes[index] ^= bit
        try write(bytes, name)
        defer { try? write(pristine(name), name) }
        let place: Comment = "seed \(seed): \(name), byte \(index), bit \(bit)"
        do {
            // The same value written otherwise: a hexadecimal digit as a capital.
            #expect(CorruptibleVault.fields(try await open()) == truth, place)
            #expect(name == "master-key", place)
            return "flips that mean the same"
        } catch let error as MeterError {
            #expect(error.location?.hasPrefix(directory.path) == true && error.hint != nil, "\(place): \(error)")
            return "flips found as \(error.code.rawValue)"
        }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        let descriptor = Glibc.open(directory.path(name), O_WRONLY | O_TRUNC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// Everything that connections hold, for comparison.
    private static func fields(_ store: ConnectionStore) -> [String] {
        store.list().map { connection in
            let secrets = connection.webhookSecrets.map {
                "\(Hex.encode($0.secret.bytes)) \($0.validFrom?.description ?? "") \($0.validUntil?.description ?? "")"
            }
            let key = Hex.encode(connection.apiKey?.bytes ?? [])
            return "\(connection.id) \(connection.organization) \(connection.projects) \(connection.addedAt) "
                + "\(secrets) \(key) \(connection.keyExpires?.description ?? "") \(connection.hooks)"
        }
    }
}
