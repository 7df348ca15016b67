import Foundation
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("What a connection is written as")
struct ConnectionFileTests {
    private let directory = TemporaryDirectory()
    private let key = try! MasterKey(Array(0..<32))
    private let hook = ProjectHook(
        projectID: "p1",
        slug: "github/acme/\"web\"",
        webhookID: "w1",
        createdAt: Timestamp("2026-11-22T08:00:00.123Z")!
    )

    private func open() async throws -> ConnectionStore {
        try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(key))
    }

    @Test("Hooks are there after opening again, in every field")
    func hooks() async throws {
        var connection = try testConnection()
        connection.hooks = [hook]
        try await open().add(connection)
        #expect(try await open().get("acme")?.hooks == [hook])
    }

    @Test("A file of before hooks is read, and one with members of later is, too")
    func otherVersions() async throws {
        let sealed = try Vault(key).seal(Secret(Array("hunter123".utf8)), for: .webhookSecret, of: "acme")
        for rest in ["", #","hooks":[],"later":{"a":[1]}"#] {
            let file =
                #"{"circlemeter_connections":1,"connections":[{"id":"acme","organization":"gh/acme","#
                + #""added_at":"2026-11-22T08:00:00.000Z","projects":[],"webhook_secrets":[{"sealed":"\#(sealed)","#
                + #""valid_from":null,"valid_until":null}],"api_key":null,"key_expires":null\#(rest)}]}"#
            try PrivateFile.replace(directory.path + "/connections.json", with: Array(file.utf8))
            let connection = try #require(try await open().get("acme"))
            #expect(connection.hooks.isEmpty)
            #expect(connection.webhookSecrets.map(\.secret) == [Secret(Array("hunter123".utf8))])
        }
    }

    @Test("A hook that lacks a member is an error, not a hook that is not there")
    func damagedHook() async throws {
        var connection = try testConnection()
        connection.hooks = [hook]
        try await open().add(connection)
        let path = directory.path + "/connections.json"
        let text = String(decoding: try #require(try PrivateFile.read(path, maximumBytes: 1 << 20)), as: UTF8.self)
        let changed = text.replacing("\"webhook_id\"", with: "\"webhook\"")
        try PrivateFile.replace(path, with: Array(changed.utf8))
        let error = await expectError(.sealedValueDamaged) { try await open() }
        #expect(error?.location == path)
        // A file of before the seal.
        try PrivateFile.replace(path, with: Array(changed.replacing("connections\": 2", with: "connections\": 1").utf8))
        await expectError(.unreadableFile) { try await open() }
    }

    @Test("What may be shown has no secret, and says that there is a key")
    func shown() throws {
        var connection = try testConnection(apiKey: "CCIPAT_is-secret", keyExpires: Day("2027-11-22"))
        connection.hooks = [hook]
        var json = JSONWriter()
        connection.write(to: &json)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any]
        )
        #expect(object["has_api_key"] as? Bool == true)
        #expect(object["key_expires"] as? String == "2027-11-22")
        #expect((object["hooks"] as? [[String: String]])?.first?["webhook_id"] == "w1")
        #expect(!String(decoding: json.bytes, as: UTF8.self).contains("is-secret"))
    }

    @Test("A new connection survives the way to the service; a generated secret is made where it is kept")
    func newConnection() throws {
        let now = Timestamp("2026-11-22T08:00:00Z")!
        let given = try NewConnection(
            id: "acme",
            organization: "gh/acme",
            webhookSecret: Secret(Array("by-hand".utf8)),
            projects: ["gh/acme/web"],
            apiKey: Secret(Array("key-one".utf8)),
            keyExpires: Day("2027-11-22"),
            createsHooks: false,
            now: now
        )
        let read = try NewConnection(json: Array(given.json), now: now)
        #expect(read.connection.webhookSecrets.map(\.secret) == given.connection.webhookSecrets.map(\.secret))
        #expect(read.connection.apiKey == given.connection.apiKey)
        #expect(read.connection.keyExpires == given.connection.keyExpires)
        #expect(read.connection.projects == ["gh/acme/web"])
        #expect(!read.createsHooks)
        #expect(!read.isSecretGenerated)
        let generated = try NewConnection(
            json: Array(#"{"id":"a","organization":"o","api_key":"a2V5"}"#.utf8),
            now: now
        )
        #expect(generated.isSecretGenerated)
        #expect(generated.createsHooks)
        #expect(generated.connection.webhookSecrets[0].secret.bytes.count == 64)
        #expect(!String(decoding: generated.json, as: UTF8.self).contains("webhook_secret"))
        let webhooksOnly = try NewConnection(
            json: Array(#"{"id":"a","organization":"o","webhook_secret":"a2V5"}"#.utf8),
            now: now
        )
        #expect(!webhooksOnly.createsHooks)
        #expect(webhooksOnly.connection.apiKey == nil)
    }

    @Test(
        "What is no new connection is refused, with a code of its own",
        arguments: [
            (#"{"id":"a"}"#, MeterError.Code.invalidConnection), (#"{"id":"a","organization":"o"}"#, .emptySecret),
            (#"{"id":"a","organization":"o","api_key":""}"#, .emptySecret),
            (#"{"id":"a","organization":"o","api_key":"%"}"#, .invalidConnection),
            (#"{"id":"a","organization":"o","api_key":"a2V5","key_expires":"soon"}"#, .invalidConnection),
            (#"{"id":"a","organization":"o","api_key":"a2V5","webhook_secret":"/w=="}"#, .invalidConnection),
        ]
    )
    func refused(_ json: String, _ code: MeterError.Code) {
        expectError(code) { try NewConnection(json: Array(json.utf8), now: Timestamp(microseconds: 0)) }
    }
}
