package import Wire

/// Invitations to connect or reconnect, each for one use. The file is read for each look at one: commands and the
/// service change it side by side, and the lock makes one of two who redeem at once the winner.
package final class InvitationStore: Sendable {
    package static let lifetimeSeconds: Int64 = 7 * 86_400
    /// More are not kept: those that expire first make room.
    static let maximumCount = 1000

    private let file: InvitationFile
    private let now: @Sendable () -> Timestamp
    private let queue = BlockingQueue(label: "circlemeter.invitations")

    /// - Parameter dataDirectory: A directory that exists.
    package init(dataDirectory: String, now: @escaping @Sendable () -> Timestamp) {
        file = InvitationFile(dataDirectory: dataDirectory)
        self.now = now
    }

    /// Makes an invitation. Its code, 64 hexadecimal digits, is told here and never again.
    ///
    /// - Throws: `invalid_connection_id`, `unwritable_file`, and as ``peek(_:)``.
    package func make(
        _ connection: String,
        _ purpose: Invitation.Purpose,
        lifetimeSeconds: Int64 = InvitationStore.lifetimeSeconds
    ) async throws(MeterError) -> (code: String, invitation: Invitation) {
        guard Connection.isValidId(connection) else {
            throw MeterError(.invalidConnectionId, "An invitation is for a connection's id")
        }
        let code = Randomness.text()
        let createdAt = now()
        let invitation = Invitation(
            connection: connection,
            purpose: purpose,
            createdAt: createdAt.wholeMilliseconds,
            expiresAt: createdAt.adding(wholeSeconds: lifetimeSeconds).wholeMilliseconds,
            digest: InvitationStore.digest(code)
        )
        try await change { invitations in
            invitations.append(invitation)
            if invitations.count > InvitationStore.maximumCount {
                invitations.sort { $0.expiresAt < $1.expiresAt }
                invitations.removeFirst(invitations.count - InvitationStore.maximumCount)
            }
        }
        return (code, invitation)
    }

    /// What a code is for, without using it; nil where it is for nothing, or for nothing any more.
    ///
    /// - Throws: `unreadable_file`, `permissions_too_wide`.
    package func peek(_ code: String) async throws(MeterError) -> Invitation? {
        let digest = InvitationStore.digest(code)
        return try await list().first { $0.digest == digest }
    }

    /// Uses a code up: of those who redeem it at once, one gets it. It is used, durably, before this returns.
    ///
    /// - Throws: `invalid_invitation`; `unwritable_file`, after which it is not used; and as ``peek(_:)``.
    package func redeem(_ code: String) async throws(MeterError) -> Invitation {
        let digest = InvitationStore.digest(code)
        #if SABOTAGE
            if Sabotage.plants("invitation-used-twice"), let invitation = try await peek(code) { return invitation }
        #endif
        let redeemed = try await change { invitations in
            invitations.firstIndex { $0.digest == digest }.map { invitations.remove(at: $0) }
        }
        guard let redeemed else {
            throw MeterError(
                .invalidInvitation,
                "The invitation was used, has expired, or never was",
                hint: "ask for a new one"
            )
        }
        return redeemed
    }

    /// Makes an invitation that was redeemed good again, for who could not do what it was for: a key may be mistyped.
    /// It expires when it would have.
    package func giveBack(_ invitation: Invitation) async throws(MeterError) {
        try await change { invitations in
            if !invitations.contains(where: { $0.digest == invitation.digest }) { invitations.append(invitation) }
        }
    }

    /// Ends an invitation by its id; false where there is none.
    @discardableResult
    package func revoke(_ id: String) async throws(MeterError) -> Bool {
        try await change { invitations in
            let count = invitations.count
            invitations.removeAll { $0.id == id }
            return invitations.count < count
        }
    }

    /// Ends all invitations for a connection.
    package func revokeAll(of connection: String) async throws(MeterError) {
        try await change { $0.removeAll { $0.connection == connection } }
    }

    /// Those that can be redeemed, the latest last.
    package func list() async throws(MeterError) -> [Invitation] {
        let now = now()
        return try await queue.run { [file] () throws(MeterError) in
            try file.read().filter { $0.expiresAt > now }.sorted { $0.createdAt < $1.createdAt }
        }
    }

    /// Removes those that have expired from the file.
    package func prune() async throws(MeterError) {
        try await change { _ in }
    }

    /// Every change drops what has expired.
    @discardableResult
    private func change<Value: Sendable>(
        _ body: @escaping @Sendable (inout [Invitation]) -> Value
    ) async throws(MeterError) -> Value {
        let now = now()
        return try await queue.run { [file] () throws(MeterError) in
            let lock = try FileLock(file.path + ".lock")
            defer { lock.release() }
            let before = try file.read()
            var invitations = before.filter { $0.expiresAt > now }
            let value = body(&invitations)
            if invitations != before { try file.write(invitations) }
            return value
        }
    }

    /// Comparing digests tells nothing about codes by its time.
    private static func digest(_ code: String) -> String {
        Hex.encode(Randomness.sha256(Array(code.utf8)))
    }
}
