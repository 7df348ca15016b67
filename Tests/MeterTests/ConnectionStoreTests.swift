import CircleCI
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("The connection store")
struct ConnectionStoreTests {
    private let directory = TemporaryDirectory()
    private let key = MasterKey.random()

    private var path: String { directory.path + "/connections.json" }

    private func open(_ key: MasterKey? = nil) async throws -> ConnectionStore {
        try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(key ?? self.key))
    }

    private func connection(_ id: String, secret: String = "hunter123-is-secret") throws -> Connection {
        try Connection(
            id: id,
            organization: "gh/acme",
            webhookSecrets: [
                .init(Secret(Array(secret.utf8))),
                .init(
                    Secret(Array("older".utf8)),
                    validFrom: Timestamp("2026-01-01T00:00:00Z"),
                    validUntil: Timestamp("2026-02-01T00:00:00Z")
                ),
            ],
            projects: ["github/acme/web", "circleci/\u{7e}x/\"y\""],
            addedAt: Timestamp("2026-11-22T08:00:00Z")!,
            apiKey: Secret(Array("CCIPAT_is-secret".utf8)),
            keyExpires: Day("2027-11-22")
        )
    }

    @Test("What was added is there after opening again, in every field")
    func roundTrip() async throws {
        try await open().add(connection("acme"))
        let store = try await open()
        let found = try #require(store.get("acme"))
        let expected = try connection("acme")
        #expect(found.organization == expected.organization)
        #expect(found.projects == expected.projects)
        #expect(found.addedAt == expected.addedAt)
        #expect(found.apiKey == expected.apiKey)
        #expect(found.keyExpires == expected.keyExpires)
        #expect(found.webhookSecrets.map(\.secret) == expected.webhookSecrets.map(\.secret))
        #expect(found.webhookSecrets.map(\.validFrom) == expected.webhookSecrets.map(\.validFrom))
        #expect(found.webhookSecrets.map(\.validUntil) == expected.webhookSecrets.map(\.validUntil))
    }

    @Test("The receiver's look-up gives secrets that verify, and nothing for a name that is not known")
    func lookup() async throws {
        let store = try await open()
        try await store.add(connection("acme", secret: "secret"))
        let secrets = try #require(store.webhookSecrets(of: "acme"))
        let verdict = WebhookSignature.verify(
            header: "v1=773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4",
            body: Array("foo".utf8),
            secrets: secrets,
            at: Timestamp(microseconds: 0)
        )
        #expect(verdict == .valid)
        #expect(store.webhookSecrets(of: "other") == nil)
        #expect(store.webhookSecrets(of: "") == nil)
    }

    @Test("The file is 0600 and readable, but shows no secret")
    func fileContent() async throws {
        try await open().add(connection("acme"))
        #expect(try mode(of: path) == 0o600)
        let text = String(decoding: try #require(try PrivateFile.read(path, maximumBytes: 1 << 20)), as: UTF8.self)
        #expect(text.contains("\n      \"id\": \"acme\",\n      \"organization\": \"gh/acme\",\n"))
        #expect(text.contains("\"added_at\": \"2026-11-22T08:00:00.000Z\""))
        #expect(text.contains("\"valid_until\": \"2026-02-01T00:00:00.000Z\""))
        #expect(!text.contains("is-secret"))
        #expect(!text.contains(Base64.encode(Array("hunter123-is-secret".utf8))))
        #expect(try names(in: directory.path) == ["connections.json", "connections.json.lock"])
    }

    @Test("The list is in the order of ids; what was removed is gone, after opening again too")
    func listAndRemove() async throws {
        let store = try await open()
        for id in ["zeta", "acme", "0x"] { try await store.add(connection(id)) }
        #expect(store.list().map(\.id) == ["0x", "acme", "zeta"])
        try await store.remove("acme")
        #expect(store.list().map(\.id) == ["0x", "zeta"])
        #expect(store.webhookSecrets(of: "acme") == nil)
        #expect(try await open().list().map(\.id) == ["0x", "zeta"])
    }

    @Test("An id that is taken, an id that is not known: each has its error, and nothing changes")
    func existsAndUnknown() async throws {
        let store = try await open()
        try await store.add(connection("acme"))
        let before = try PrivateFile.read(path, maximumBytes: 1 << 20)
        let exists = await expectError(.connectionExists) { try await store.add(connection("acme", secret: "new")) }
        #expect(exists?.location == "acme")
        await expectError(.unknownConnection) { try await store.remove("other") }
        await expectError(.unknownConnection) { try await store.update("other") { _ in } }
        #expect(try PrivateFile.read(path, maximumBytes: 1 << 20) == before)
    }

    @Test("An update is durable, and one that empties a secret is refused")
    func update() async throws {
        let store = try await open()
        try await store.add(connection("acme"))
        try await store.update("acme") { $0.webhookSecrets.insert(.init(Secret([1, 2, 3])), at: 0) }
        #expect(store.webhookSecrets(of: "acme")?.count == 3)
        #expect(try await open().get("acme")?.webhookSecrets.count == 3)
        await expectError(.emptySecret) { try await store.update("acme") { $0.webhookSecrets = [] } }
        await expectError(.emptySecret) { try await store.update("acme") { $0.apiKey = Secret([]) } }
        #expect(store.webhookSecrets(of: "acme")?.count == 3)
    }

    @Test(
        "Ids that are not [a-z0-9][a-z0-9_-]{0,62} are refused",
        arguments: [
            "", "A", "Acme", "-a", "_a", "a.b", "a/b", "a b", "é", "a\n", "..", "a\u{0}",
            String(repeating: "a", count: 64),
        ]
    )
    func invalidIds(_ id: String) {
        expectError(.invalidConnectionId) { try connection(id) }
    }

    @Test("Ids at the edge are taken", arguments: ["a", "0", "a_-", String(repeating: "a", count: 63)])
    func validIds(_ id: String) throws {
        #expect(try connection(id).id == id)
    }

    @Test("No secret, an empty secret, an empty key, no organization: refused")
    func invalidFields() {
        let now = Timestamp(microseconds: 0)
        let secret = Connection.WebhookSecret(Secret([1]))
        expectError(.emptySecret) { try Connection(id: "a", organization: "o", webhookSecrets: [], addedAt: now) }
        expectError(.emptySecret) {
            try Connection(id: "a", organization: "o", webhookSecrets: [secret, .init(Secret([]))], addedAt: now)
        }
        expectError(.emptySecret) {
            try Connection(id: "a", organization: "o", webhookSecrets: [secret], addedAt: now, apiKey: Secret([]))
        }
        for organization in ["", " ", "a b", "a\n"] {
            expectError(.invalidConnection) {
                try Connection(id: "a", organization: organization, webhookSecrets: [secret], addedAt: now)
            }
        }
        expectError(.invalidConnection) {
            try Connection(id: "a", organization: "o", webhookSecrets: [secret], projects: [""], addedAt: now)
        }
    }

    @Test(
        "A file that is not what it should be is an error that names it, and is left as it is",
        arguments: [
            "", "{", "[]", "{}", "null", "{\"connections\":[]}", "{\"circlemeter_connections\":3,\"connections\":[]}",
            "{\"circlemeter_connections\":1,\"connections\":[{}]}",
            #"{"circlemeter_connections":1,"connections":[{"id":"A","organization":"o","#
                + #""added_at":"2026-11-22T08:00:00Z"}]}"#,
        ]
    )
    func unreadableFile(_ content: String) async throws {
        try PrivateFile.replace(path, with: Array(content.utf8))
        let error = await expectError(.unreadableFile) { try await open() }
        #expect(error?.location == path)
        #expect(try PrivateFile.read(path, maximumBytes: 1000) == Array(content.utf8))
    }

    @Test("A file that others may read is refused")
    func wideFile() async throws {
        try await open().add(connection("acme"))
        chmod(path, 0o644)
        await expectError(.permissionsTooWide) { try await open() }
    }

    @Test("A file sealed under another master key is an error that names the file")
    func anotherMasterKey() async throws {
        try await open().add(connection("acme"))
        let error = await expectError(.sealedWithAnotherKey) { try await open(MasterKey.random()) }
        #expect(error?.location == path)
    }

    @Test("A sealed value copied to another connection is found out")
    func movedSecret() async throws {
        let store = try await open()
        try await store.add(connection("acme"))
        let bytes = try #require(try PrivateFile.read(path, maximumBytes: 1 << 20))
        let renamed = String(decoding: bytes, as: UTF8.self).replacing("\"id\": \"acme\"", with: "\"id\": \"evil\"")
        try PrivateFile.replace(path, with: Array(renamed.utf8))
        let error = await expectError(.sealedValueDamaged) { try await open() }
        #expect(error?.location == path)
        // A file of version 1 has no seal over all of it; the value's own names its connection.
        let unsealed = renamed.replacing("\"circlemeter_connections\": 2", with: "\"circlemeter_connections\": 1")
        try PrivateFile.replace(path, with: Array(unsealed.utf8))
        let second = await expectError(.sealedValueDamaged) { try await open() }
        #expect(second?.location == "evil")
    }

    @Test("A change that cannot be written is not visible")
    func unwritable() async throws {
        let store = try await open()
        try await store.add(connection("acme"))
        // No file can be renamed over a directory.
        unlink(path)
        mkdir(path, 0o700)
        let error = await #expect(throws: MeterError.self) { try await store.add(connection("beta")) }
        #expect(error?.location == path)
        #expect(store.list().map(\.id) == ["acme"])
    }

    @Test("Changes at the same time, from several stores, are all kept")
    func concurrentChanges() async throws {
        let stores = [try await open(), try await open(), try await open()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<30 {
                group.addTask { try await stores[index % 3].add(connection("c\(index)")) }
            }
            try await group.waitForAll()
        }
        #expect(try await open().list().count == 30)
        try await stores[0].reload()
        #expect(stores[0].list().count == 30)
    }

    @Test("A master key is replaced by opening with the old one retired and writing once")
    func masterKeyRotation() async throws {
        try await open().add(connection("acme"))
        let newKey = MasterKey.random()
        let store = try await ConnectionStore.open(
            dataDirectory: directory.path,
            vault: Vault(newKey, retired: [key])
        )
        try await store.update("acme") { _ in }
        #expect(try await open(newKey).get("acme")?.apiKey == connection("acme").apiKey)
    }
}
