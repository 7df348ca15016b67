import COpenSSL
import Wire

/// The tokens that open the dashboard. Only their digests are kept.
struct AccessTokens: Sendable {
    static let adminSetting = "CIRCLEMETER_ADMIN_TOKEN"
    static let viewerSetting = "CIRCLEMETER_VIEWER_TOKEN"
    /// The name of the admin token's file inside the data directory.
    static let fileName = "admin-token"
    static let minimumByteCount = 16

    /// A token and where it comes from.
    private typealias Source = (token: [UInt8], location: String)

    private let digests: [(role: Role, digest: [UInt8])]

    /// The tokens of the settings. Without one for the admin, the token of the file in `dataDirectory` counts, which is
    /// made where there is none yet. Blocking.
    ///
    /// - Throws: `invalid_token` for a token of less than 16 bytes, one with white space or other than ASCII, or the
    ///   same for both roles; `permissions_too_wide`, `unreadable_file`, `unwritable_file` for the file.
    static func load(admin: String?, viewer: String?, dataDirectory: String) throws(MeterError) -> AccessTokens {
        let adminSource: Source
        if let admin {
            adminSource = (trimmed(admin), adminSetting)
        } else {
            adminSource = try fileToken("\(dataDirectory)/\(fileName)")
        }
        return try AccessTokens(admin: adminSource, viewer: viewer.map { (trimmed($0), viewerSetting) })
    }

    private init(admin: Source, viewer: Source?) throws(MeterError) {
        var digests: [(role: Role, digest: [UInt8])] = [(.admin, try AccessTokens.digest(admin))]
        if let viewer {
            let digest = try AccessTokens.digest(viewer)
            guard digest != digests[0].digest else {
                throw MeterError(
                    .invalidToken,
                    "The viewer's token is the admin's as well",
                    at: viewer.location,
                    hint: "openssl rand -hex 32 makes another"
                )
            }
            digests.append((.viewer, digest))
        }
        self.digests = digests
    }

    /// The role that a token opens; nil: none. The time that this takes tells nothing about the tokens.
    func role(of presented: some StringProtocol) -> Role? {
        let digest = Randomness.sha256(Array(presented.utf8))
        var found: Role?
        for (role, expected) in digests where CRYPTO_memcmp(digest, expected, digest.count) == 0 {
            found = max(found ?? role, role)
        }
        return found
    }

    private static func digest(_ source: Source) throws(MeterError) -> [UInt8] {
        guard source.token.count >= minimumByteCount, source.token.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw MeterError(
                .invalidToken,
                "A token has at least \(minimumByteCount) characters, printable and without spaces",
                at: source.location,
                hint: "openssl rand -hex 32 makes one"
            )
        }
        return Randomness.sha256(source.token)
    }

    private static func fileToken(_ path: String) throws(MeterError) -> Source {
        if let bytes = try PrivateFile.read(path, maximumBytes: 4096) {
            return (Secret(trimming: bytes).bytes, path)
        }
        let token = Array(Randomness.text().utf8)
        if try PrivateFile.create(path, with: token + [UInt8(ascii: "\n")]) { return (token, path) }
        // Another process made it in the meantime.
        return (Secret(trimming: try PrivateFile.read(path, maximumBytes: 4096) ?? []).bytes, path)
    }

    private static func trimmed(_ setting: String) -> [UInt8] {
        Secret(trimming: Array(setting.utf8)).bytes
    }
}

extension AccessTokens: CustomStringConvertible, CustomReflectable {
    var description: String { "AccessTokens(\(digests.map(\.role.rawValue).joined(separator: ", ")))" }
    var customMirror: Mirror { Mirror(self, children: ["roles": digests.map(\.role)]) }
}
