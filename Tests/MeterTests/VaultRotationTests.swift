import EventLog
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Replacing the master key")
struct VaultRotationTests {
    private let directory = TemporaryDirectory()

    private struct Stopped: Error {}

    private var keyPath: String { directory.path + "/master-key" }
    private var retiredPath: String { directory.path + "/master-key.retired" }

    private func open() async throws -> ConnectionStore {
        try await ConnectionStore.open(
            dataDirectory: directory.path,
            vault: try Vault.load(directory.path, environment: [:])
        )
    }

    private func replaceKey(stoppingAfter last: MasterKeyRotation.Step? = nil) async throws {
        try await MasterKeyRotation.run(
            dataDirectory: directory.path,
            setting: nil,
            retiredSetting: nil,
            onStep: { step in if step == last { throw Stopped() } }
        )
    }

    private func key() throws -> [UInt8] { try #require(try PrivateFile.read(keyPath, maximumBytes: 4096)) }

    private func isReadable() async throws -> Bool {
        try await open().get("acme")?.apiKey == Secret(Array("key-one".utf8))
    }

    @Test("Everything opens under the new key alone, and the old one is gone")
    func rotate() async throws {
        try await open().add(try testConnection())
        let old = try key()
        try await replaceKey()
        #expect(try key() != old)
        #expect(access(retiredPath, F_OK) != 0)
        #expect(try mode(of: keyPath) == 0o600)
        #expect(try await isReadable())
        let oldVault = Vault(try MasterKey.load(setting: String(decoding: old, as: UTF8.self), dataDirectory: "/"))
        await expectError(.sealedWithAnotherKey) {
            try await ConnectionStore.open(dataDirectory: directory.path, vault: oldVault)
        }
        #expect(try names(in: directory.path) == ["connections.json", "connections.json.lock", "master-key"])
    }

    @Test("Stopped after any step everything opens, changes are kept, and doing it again finishes", arguments: 0..<4)
    func stopped(_ index: Int) async throws {
        let step = MasterKeyRotation.Step.allCases[index]
        try await open().add(try testConnection())
        let old = try key()
        await #expect(throws: Stopped.self) { try await replaceKey(stoppingAfter: step) }
        #expect(try await isReadable(), "after \(step)")
        if access(retiredPath, F_OK) == 0 { #expect(try mode(of: retiredPath) == 0o600) }
        // A service that starts in this state goes on, and writes.
        try await open().add(try testConnection("beta"))
        let between = try key()
        try await replaceKey()
        #expect(try await isReadable())
        #expect(try await open().list().map(\.id) == ["acme", "beta"])
        #expect(try key() != old)
        #expect(access(retiredPath, F_OK) != 0)
        if step == .replaced || step == .resealed {
            #expect(try key() == between, "an interrupted rotation is finished, not begun anew")
        }
    }

    @Test("Stopped again and again, in any order of steps, nothing is lost")
    func stoppedOften() async throws {
        try await open().add(try testConnection())
        for step in MasterKeyRotation.Step.allCases + MasterKeyRotation.Step.allCases.reversed() {
            try? await replaceKey(stoppingAfter: step)
            #expect(try await isReadable(), "after \(step)")
        }
    }

    @Test("A key of the environment is not replaced, and the error says what to do")
    func environment() async throws {
        let setting = Hex.encode(Array(repeating: UInt8(7), count: 32))
        let error = await expectError(.masterKeyNotInFile) {
            try await OfflineConnections.rotateMasterKey(
                directory: DataDirectory(directory.path),
                environment: [MasterKey.settingName: setting]
            )
        }
        #expect(error?.hint?.contains("CIRCLEMETER_RETIRED_MASTER_KEY") == true)
        #expect(error.map { !"\($0)".contains(setting) } == true)
        #expect(access(keyPath, F_OK) != 0)
    }

    @Test("Retired keys of the environment, one or more, open what they sealed; resealing makes them needless")
    func retiredSetting() async throws {
        func text(_ byte: UInt8) -> String { Hex.encode(Array(repeating: byte, count: 32)) }
        let data = DataDirectory(directory.path)
        for byte in 1...2 as ClosedRange<UInt8> {
            let environment = [MasterKey.settingName: text(byte)]
            let vault = try Vault.load(directory.path, environment: environment)
            let id = "c\(byte)"
            let other = TemporaryDirectory()
            let store = try await ConnectionStore.open(dataDirectory: other.path, vault: vault)
            try await store.add(try testConnection(id))
            let sealed = try #require(try PrivateFile.read(other.path + "/connections.json", maximumBytes: 1 << 20))
            try PrivateFile.replace(directory.path + "/connections.json", with: sealed)
            let current = [
                MasterKey.settingName: text(3),
                MasterKey.retiredSettingName: "\(text(1)),\(text(2))",
            ]
            #expect(try await OfflineConnections.open(data, environment: current).list().map(\.id) == [id])
            try await OfflineConnections.reseal(directory: data, environment: current)
            let alone = [MasterKey.settingName: text(3)]
            #expect(try await OfflineConnections.open(data, environment: alone).list().map(\.id) == [id])
        }
        let error = expectError(.invalidMasterKey) {
            try Vault.load(
                directory.path,
                environment: [MasterKey.settingName: text(3), MasterKey.retiredSettingName: text(1) + ",no key"]
            )
        }
        #expect(error?.location == "CIRCLEMETER_RETIRED_MASTER_KEY")
    }

    @Test("While a service holds the log no key is replaced")
    func runningService() async throws {
        try await open().add(try testConnection())
        let old = try key()
        let data = DataDirectory(directory.path)
        let log = try EventLog.open(
            directory: data.log,
            now: { Timestamp(microseconds: 0) },
            deduplicationKey: { _ in nil }
        )
        await #expect(throws: LogError.self) {
            try await OfflineConnections.rotateMasterKey(directory: data, environment: [:])
        }
        #expect(try key() == old)
        await log.close()
        try await OfflineConnections.rotateMasterKey(directory: data, environment: [:])
        #expect(try key() != old)
        #expect(try await isReadable())
    }
}
