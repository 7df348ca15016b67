package import Wire

/// What an invitation is for. Its code is known to who got it, and to nobody else.
package struct Invitation: Hashable, Sendable {
    package enum Purpose: String, Sendable, CaseIterable, Decodable {
        case connect
        case reconnect
    }

    /// The first digits of the code's SHA-256: names the invitation to who may revoke it.
    package var id: String { String(digest.prefix(12)) }
    package let connection: String
    package let purpose: Purpose
    package let createdAt: Timestamp
    /// The first instant at which it counts no longer.
    package let expiresAt: Timestamp
    /// SHA-256 of the code, 64 hexadecimal digits.
    let digest: String

    /// `{"id","connection","purpose","created_at","expires_at"}`.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("connection", connection)
            json.member("purpose", purpose.rawValue)
            json.member("created_at", createdAt.description)
            json.member("expires_at", expiresAt.description)
        }
    }
}
