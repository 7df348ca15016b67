import Foundation
import Wire

/// The form of `invitations.json`. Whoever reads it cannot use an invitation.
///
///     {"circlemeter_invitations":1,"invitations":[{"code_sha256","connection","purpose","created_at","expires_at"}]}
struct InvitationFile: Sendable {
    static let version = 1
    static let name = "invitations.json"
    static let maximumBytes = 4 << 20

    let path: String

    init(dataDirectory: String) {
        path = "\(dataDirectory)/\(InvitationFile.name)"
    }

    /// The invitations; none where there is no file. Blocking.
    ///
    /// - Throws: `unreadable_file`, `permissions_too_wide`.
    func read() throws(MeterError) -> [Invitation] {
        struct File: Decodable {
            struct Item: Decodable {
                var code_sha256: String
                var connection: String
                var purpose: String
                var created_at: String
                var expires_at: String
            }
            var circlemeter_invitations: Int
            var invitations: [Item]
        }
        guard let bytes = try PrivateFile.read(path, maximumBytes: InvitationFile.maximumBytes) else { return [] }
        let file: File
        do { file = try JSONDecoder().decode(File.self, from: Data(bytes)) } catch { throw unreadable() }
        guard file.circlemeter_invitations == InvitationFile.version else { throw unreadable() }
        var invitations: [Invitation] = []
        for item in file.invitations {
            guard let purpose = Invitation.Purpose(rawValue: item.purpose),
                let createdAt = Timestamp(item.created_at), let expiresAt = Timestamp(item.expires_at),
                Connection.isValidId(item.connection), item.code_sha256.utf8.count == 64
            else { throw unreadable() }
            invitations.append(
                Invitation(
                    connection: item.connection,
                    purpose: purpose,
                    createdAt: createdAt,
                    expiresAt: expiresAt,
                    digest: item.code_sha256
                )
            )
        }
        return invitations
    }

    /// Replaces the file. Blocking.
    ///
    /// - Throws: `unwritable_file`.
    func write(_ invitations: [Invitation]) throws(MeterError) {
        var json = JSONWriter()
        json.object { json in
            json.member("circlemeter_invitations", InvitationFile.version)
            json.member(
                "invitations",
                array: { json in
                    for invitation in invitations {
                        json.object { json in
                            json.member("code_sha256", invitation.digest)
                            json.member("connection", invitation.connection)
                            json.member("purpose", invitation.purpose.rawValue)
                            json.member("created_at", invitation.createdAt.description)
                            json.member("expires_at", invitation.expiresAt.description)
                        }
                    }
                }
            )
        }
        try PrivateFile.replace(path, with: JSONIndentation.indented(json.bytes))
    }

    private func unreadable() -> MeterError {
        MeterError(
            .unreadableFile,
            "The file holds no invitations of this version",
            at: path,
            hint: "delete it: the invitations in it are void then, and new ones can be made"
        )
    }
}
