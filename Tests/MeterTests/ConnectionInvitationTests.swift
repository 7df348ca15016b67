import Glibc
import Synchronization
import TestSupport
import Testing
import Wire

@testable import Meter

@Suite("Invitations")
struct ConnectionInvitationTests {
    private let directory = TemporaryDirectory()
    private let events = RecordedEvents()

    private var path: String { directory.path + "/invitations.json" }

    private func open() -> InvitationStore {
        InvitationStore(dataDirectory: directory.path, now: { [events] in events.now })
    }

    @Test("A code opens what it was made for, once, after a restart too")
    func once() async throws {
        let (code, invitation) = try await open().make("acme", .reconnect)
        #expect(code.utf8.count == 64)
        let store = open()
        #expect(try await store.peek(code) == invitation)
        #expect(try await store.peek(code) == invitation, "looking uses nothing up")
        let redeemed = try await store.redeem(code)
        #expect(redeemed.connection == "acme")
        #expect(redeemed.purpose == .reconnect)
        await expectError(.invalidInvitation) { try await store.redeem(code) }
        await expectError(.invalidInvitation) { try await open().redeem(code) }
        #expect(try await open().peek(code) == nil)
    }

    @Test("Of many who redeem at once, through several stores, one wins")
    func race() async throws {
        let (code, _) = try await open().make("acme", .connect)
        let stores = [open(), open(), open()]
        let winners = await withTaskGroup(of: Bool.self) { group in
            for index in 0..<30 {
                group.addTask { (try? await stores[index % 3].redeem(code)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }

    @Test("It ends after seven days, at that instant")
    func expiry() async throws {
        let store = open()
        let (code, _) = try await store.make("acme", .connect)
        events.advance(seconds: 7 * 86_400 - 1)
        #expect(try await store.peek(code) != nil)
        events.advance(seconds: 1)
        #expect(try await store.peek(code) == nil)
        await expectError(.invalidInvitation) { try await store.redeem(code) }
        #expect(try await store.list().isEmpty)
    }

    @Test("What has expired leaves the file")
    func prune() async throws {
        let store = open()
        _ = try await store.make("acme", .connect, lifetimeSeconds: 60)
        let (_, lasting) = try await store.make("beta", .connect)
        events.advance(seconds: 60)
        try await store.prune()
        #expect(try InvitationFile(dataDirectory: directory.path).read() == [lasting])
    }

    @Test("Revoked by its id or by its connection it opens nothing")
    func revoke() async throws {
        let store = open()
        let (first, invitation) = try await store.make("acme", .connect)
        let (second, _) = try await store.make("acme", .reconnect)
        let (third, _) = try await store.make("beta", .reconnect)
        #expect(try await store.revoke(invitation.id))
        #expect(try await !store.revoke(invitation.id))
        #expect(try await store.peek(first) == nil)
        #expect(try await store.peek(second) != nil)
        try await store.revokeAll(of: "acme")
        #expect(try await store.peek(second) == nil)
        #expect(try await store.peek(third) != nil)
    }

    @Test("Given back it counts again, as long as it would have")
    func giveBack() async throws {
        let store = open()
        let (code, invitation) = try await store.make("acme", .connect)
        try await store.giveBack(try await store.redeem(code))
        try await store.giveBack(invitation)
        #expect(try await store.list() == [invitation])
        _ = try await store.redeem(code)
        events.advance(seconds: 7 * 86_400)
        try await store.giveBack(invitation)
        #expect(try await store.peek(code) == nil)
    }

    @Test("The file is 0600 and has no code, and codes that are none open nothing")
    func file() async throws {
        let store = open()
        let (code, invitation) = try await store.make("acme", .connect)
        #expect(try mode(of: path) == 0o600)
        let text = String(decoding: try #require(try PrivateFile.read(path, maximumBytes: 1 << 20)), as: UTF8.self)
        #expect(!text.contains(code))
        #expect(text.contains("\"connection\": \"acme\""))
        for wrong in ["", code.uppercased(), String(code.dropLast()), code + "0", invitation.digest, invitation.id] {
            #expect(try await store.peek(wrong) == nil)
        }
        try PrivateFile.replace(path, with: Array("{}".utf8))
        await expectError(.unreadableFile) { try await store.peek(code) }
        await expectError(.invalidConnectionId) { try await store.make("No Id", .connect) }
    }

    @Test("What cannot be written durably is not redeemed")
    func unwritable() async throws {
        let store = open()
        let (code, _) = try await store.make("acme", .connect)
        // No lock can be taken on a directory.
        unlink(path + ".lock")
        mkdir(path + ".lock", 0o700)
        await expectError(.unwritableFile) { try await store.redeem(code) }
        rmdir(path + ".lock")
        #expect(try await store.redeem(code).connection == "acme")
    }
}
