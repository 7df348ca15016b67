import FakeCircleCI
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Sealing of secrets")
struct VaultTests {
    private let key = try! MasterKey(Array(0..<32))

    @Test("Secrets of any length open to what was sealed")
    func roundTrip() throws {
        let seed = TestSeed.of(round: 0)
        var generator = SeededGenerator(seed: seed)
        let vault = Vault(key)
        for length in [1, 2, 15, 16, 17, 40, 255, 4096] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let sealed = try vault.seal(Secret(bytes), for: .apiKey, of: "acme")
            #expect(try vault.open(sealed, for: .apiKey, of: "acme").bytes == bytes, "length \(length), seed \(seed)")
        }
    }

    @Test("A value that another AES-256-GCM sealed opens: the form is what it is said to be")
    func openVector() throws {
        let sealed = "v1.2ef285b7.ZGVmZ2hpamtsbW5v.IG6wEhybZ6wNxEOvCogCHBOkf9FYbJVj0w=="
        let secret = try Vault(key).open(sealed, for: .webhookSecret, of: "acme")
        #expect(secret == Secret(Array("hunter123".utf8)))
    }

    @Test("The same secret sealed twice is two different texts")
    func freshNonce() throws {
        let vault = Vault(key)
        let secret = Secret(Array("hunter123".utf8))
        let sealed = try (0..<100).map { _ in try vault.seal(secret, for: .apiKey, of: "acme") }
        #expect(Set(sealed).count == 100)
    }

    @Test("A sealed value moved to another connection or purpose does not open")
    func boundToPlace() throws {
        let vault = Vault(key)
        let sealed = try vault.seal(Secret(Array("hunter123".utf8)), for: .webhookSecret, of: "acme")
        expectError(.sealedValueDamaged) { try vault.open(sealed, for: .webhookSecret, of: "acme2") }
        expectError(.sealedValueDamaged) { try vault.open(sealed, for: .apiKey, of: "acme") }
    }

    @Test("A sealed value with any character changed does not open")
    func changedCharacter() throws {
        let vault = Vault(key)
        let sealed = Array(try vault.seal(Secret(Array("hunter123".utf8)), for: .apiKey, of: "acme").utf8)
        for index in sealed.indices {
            var changed = sealed
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            let text = String(decoding: changed, as: UTF8.self)
            #expect(throws: MeterError.self, "changed at \(index)") {
                try vault.open(text, for: .apiKey, of: "acme")
            }
        }
    }

    @Test(
        "What is no sealed value is damage, not a crash",
        arguments: [
            "", ".", "...", "v1", "v1.2ef285b7..", "v2.2ef285b7.ZGVmZ2hpamtsbW5v.AAAA", "v1.2ef285b7.AAAA.AAAA",
        ]
    )
    func noSealedValue(_ text: String) {
        expectError(.sealedValueDamaged) { try Vault(key).open(text, for: .apiKey, of: "acme") }
    }

    @Test("Under another master key the error says so, and a retired key still opens")
    func anotherKey() throws {
        let sealed = try Vault(key).seal(Secret(Array("hunter123".utf8)), for: .apiKey, of: "acme")
        let other = MasterKey.random()
        let error = expectError(.sealedWithAnotherKey) { try Vault(other).open(sealed, for: .apiKey, of: "acme") }
        #expect(error?.location == "acme")
        #expect(error?.hint != nil)
        let opened = try Vault(other, retired: [key]).open(sealed, for: .apiKey, of: "acme")
        #expect(opened == Secret(Array("hunter123".utf8)))
    }

    @Test("No description, dump or error shows a secret or a key")
    func nothingShown() throws {
        let marker = "hunter123-is-secret"
        let secret = Secret(Array(marker.utf8))
        let hexKey = Hex.encode(key.secret.bytes)
        var shown = ["\(secret)", String(reflecting: secret), "\(key)", String(reflecting: key), "\(Vault(key))"]
        var dumped = ""
        dump(secret, to: &dumped)
        dump(key, to: &dumped)
        dump(Vault(key), to: &dumped)
        shown.append(dumped)
        let connection = try Connection(
            id: "acme",
            organization: "gh/acme",
            webhookSecrets: [.init(secret)],
            addedAt: Timestamp(microseconds: 0),
            apiKey: secret
        )
        dump(connection, to: &shown[0])
        shown.append("\(connection)")
        for text in shown {
            #expect(!text.contains(marker))
            #expect(!text.contains(hexKey))
            // Arrays of bytes are shown as decimal numbers.
            #expect(!text.contains("104, 117, 110"))
            #expect(!text.contains("0, 1, 2, 3"))
        }
    }
}

@Suite("The master key")
struct MasterKeyTests {
    private let directory = TemporaryDirectory()

    @Test("A setting of 64 hexadecimal digits or base64 of 32 bytes is the key, one newline aside")
    func settings() throws {
        let bytes = Array(UInt8(0)..<32)
        let texts = [
            Hex.encode(bytes), Hex.encode(bytes).uppercased(), Hex.encode(bytes) + "\n", Base64.encode(bytes),
            Base64.encode(bytes) + "\r\n",
        ]
        for text in texts {
            let key = try MasterKey.load(setting: text, dataDirectory: directory.path)
            #expect(key.secret.bytes == bytes)
        }
        #expect(access(directory.path + "/master-key", F_OK) != 0, "no file is made where the setting is given")
    }

    @Test(
        "A setting of another form is refused and named, and is not replaced by a file",
        arguments: [
            "", "\n", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
            String(repeating: "g", count: 64), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "hunter123",
        ]
    )
    func wrongSettings(_ text: String) {
        let error = expectError(.invalidMasterKey) {
            try MasterKey.load(setting: text, dataDirectory: directory.path)
        }
        #expect(error?.location == "CIRCLEMETER_MASTER_KEY")
        if text.count > 1 { #expect(error.map { !"\($0)".contains(text) } == true) }
        #expect(access(directory.path + "/master-key", F_OK) != 0)
    }

    @Test("The first start makes a file of mode 0600, and the next start reads it")
    func firstStart() throws {
        let key = try MasterKey.load(setting: nil, dataDirectory: directory.path)
        #expect(try mode(of: directory.path + "/master-key") == 0o600)
        let again = try MasterKey.load(setting: nil, dataDirectory: directory.path)
        #expect(again.secret == key.secret)
        #expect(try names(in: directory.path) == ["master-key"], "no temporary file is left")
    }

    @Test("A file that others may read is refused", arguments: [0o640, 0o604, 0o660, 0o620])
    func wideFile(_ permissions: Int) throws {
        _ = try MasterKey.load(setting: nil, dataDirectory: directory.path)
        chmod(directory.path + "/master-key", mode_t(permissions))
        let error = expectError(.permissionsTooWide) {
            try MasterKey.load(setting: nil, dataDirectory: directory.path)
        }
        #expect(error?.location == directory.path + "/master-key")
        #expect(error?.hint?.contains("chmod 600") == true)
    }

    @Test("A file that holds no key is refused and left alone")
    func garbage() throws {
        let path = directory.path + "/master-key"
        try PrivateFile.replace(path, with: Array("not a key\n".utf8))
        expectError(.invalidMasterKey) { try MasterKey.load(setting: nil, dataDirectory: directory.path) }
        #expect(try PrivateFile.read(path, maximumBytes: 100) == Array("not a key\n".utf8))
    }

    @Test("Starts at the same time agree on one key")
    func race() async throws {
        let path = directory.path
        let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for index in 0..<8 {
                let queue = BlockingQueue(label: "race \(index)")
                group.addTask {
                    try await queue.run { () throws(MeterError) in
                        try MasterKey.load(setting: nil, dataDirectory: path).secret.bytes
                    }
                }
            }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
    }

    @Test("A data directory that does not exist is a clear error")
    func noDirectory() {
        let error = expectError(.unwritableFile) {
            try MasterKey.load(setting: nil, dataDirectory: directory.path + "/missing")
        }
        #expect(error?.location == directory.path + "/missing/master-key")
    }
}
