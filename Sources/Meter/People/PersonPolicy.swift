import Foundation
package import Usage
import Wire

/// What is stored of persons, and by which rules they are merged: what `people.json` says, put to work.
package struct PersonPolicy: Sendable {
    package let mode: PeopleMode
    /// Equal where the same events leave the same names in the store.
    let fingerprint: String
    /// What is stored of a person; nil: nothing.
    let name: @Sendable (String) -> String?
    /// For reports; identities as they are stored.
    package let rules: PeopleRules
    /// Names the rules and the mode: two equal tags mean equal reports of one snapshot.
    package let tag: String

    /// Everything as the log has it, and no aliases.
    static let plain = PersonPolicy(PeopleFile(), key: nil)

    /// - Parameter key: Needed in mode `pseudonymous`, and only there.
    init(_ file: PeopleFile, key: PersonKey?) {
        mode = file.mode
        tag = PersonPolicy.tag(of: file)
        switch (file.mode, key) {
        case (.plain, _):
            fingerprint = Snapshot.plainPersonPolicy
            name = { $0 }
            rules = file.rules { $0 }
        case (.pseudonymous, let key?):
            let plainRules = file.rules { $0 }
            let name: @Sendable (String) -> String? = { PersonPolicy.pseudonym($0, key: key, rules: plainRules) }
            fingerprint = "pseudonymous-\(key.id)-\(PersonPolicy.digest(of: plainRules, key: key))"
            self.name = name
            rules = file.rules(name)
        case (.off, _), (.pseudonymous, nil):
            fingerprint = "off"
            name = { _ in nil }
            rules = PeopleRules()
        }
    }

    /// The policy of a data directory. Where pseudonyms are asked for the first time, their key is made. Blocking.
    /// - Throws: `unreadable_file`, `invalid_people`; what a vault throws, where there are pseudonyms.
    package static func load(
        _ directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(MeterError) -> PersonPolicy {
        let file = try PeopleFile.read(directory)
        guard file.mode == .pseudonymous else { return PersonPolicy(file, key: nil) }
        let vault = try Vault.load(directory.path, environment: environment)
        return PersonPolicy(file, key: try PersonKey.load(directory, vault: vault))
    }

    /// The policy for who only reads: makes no key, and where none is there stands for what no snapshot was made with.
    /// Blocking.
    /// - Throws: As ``load(_:environment:)``; `invalid_master_key` where the service's master key is not at hand.
    package static func forReading(
        _ directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(MeterError) -> PersonPolicy {
        let file = try PeopleFile.read(directory)
        guard file.mode == .pseudonymous, FileManager.default.fileExists(atPath: directory.personKey) else {
            return PersonPolicy(file, key: nil)
        }
        guard MasterKey.isAtHand(setting: environment[MasterKey.settingName], dataDirectory: directory.path) else {
            throw MeterError(
                .invalidMasterKey,
                "Pseudonyms need the service's master key",
                at: directory.path,
                hint: "give \(MasterKey.settingName) as the service has it"
            )
        }
        let key = try PersonKey.stored(directory, vault: try Vault.load(directory.path, environment: environment))
        return PersonPolicy(file, key: key)
    }

    /// Whether a snapshot calls persons as this policy says.
    /// - Throws: `replay_under_way`.
    package func check(_ snapshot: Snapshot) throws(MeterError) {
        guard snapshot.personPolicy == fingerprint else {
            throw MeterError(
                .replayUnderWay,
                "The snapshot calls persons otherwise than people.json says",
                hint: "a running service makes it anew; without one: circlemeter replay"
            )
        }
    }

    /// Programs are no persons and keep their names. Of everybody else the key that rules merge by is hashed, so that an
    /// address with a tag and one of a code host give the pseudonym of what they stand for. What a login or a user of
    /// CircleCI is stays visible, since rules need it.
    private static func pseudonym(_ text: String, key: PersonKey, rules: PeopleRules) -> String? {
        let identity = PersonIdentity(text)
        guard !rules.isBot(identity) else { return text }
        let merged = identity.key.text
        let prefix = ["login:", "user:"].first { merged.hasPrefix($0) } ?? ""
        return "\(prefix)person-\(Hex.encode(key.hash("person \(merged)").prefix(8)))"
    }

    private static func tag(of file: PeopleFile) -> String {
        let aliases = file.aliases.map { ([$0.name] + $0.identities.map(\.text)).joined(separator: "\u{0}") }
        let parts = [[file.mode.rawValue], aliases, file.bots.sorted().map(\.text), file.notBots.sorted().map(\.text)]
        let text = parts.map { $0.joined(separator: "\u{1}") }.joined(separator: "\u{2}")
        return Hex.encode(Randomness.sha256(Array(text.utf8)).prefix(4))
    }

    /// Who counts as a program decides what is stored.
    private static func digest(of rules: PeopleRules, key: PersonKey) -> String {
        var parts: [String] = []
        for (word, set) in [("bot", rules.bots), ("not", rules.notBots)] {
            parts += set.sorted().map { "\(word) \($0.text)" }
        }
        // A name among these stands for all identities of its alias.
        for alias in rules.aliases {
            let name = PersonIdentity(alias.name)
            guard rules.bots.contains(name) || rules.notBots.contains(name) else { continue }
            parts += alias.identities.sorted().map { "alias \(name.text) \($0.text)" }
        }
        return Hex.encode(key.hash("rules " + parts.joined(separator: "\u{0}")).prefix(8))
    }
}
