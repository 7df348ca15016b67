package import Usage
import Wire

/// How persons are called in counters and reports.
package enum PeopleMode: String, CaseIterable, Sendable {
    /// As the log calls them.
    case plain
    /// `person-` and 16 hexadecimal digits, the same for the same person as long as the key is the same. Programs keep
    /// their names.
    case pseudonymous
    /// Not at all: runs count without a person.
    case off
}

/// `people.json` in the data directory, written by people:
/// ```
/// {"mode":"plain","aliases":[{"name":"Ann","identities":["ann@example.com","login:ann","user:ID"]}],
///  "bots":["ci@example.com"],"not_bots":["renovate@example.com"]}
/// ```
/// Every member may be left out, and so may the file: mode `plain`, no aliases.
package struct PeopleFile: Sendable {
    package var mode = PeopleMode.plain
    package var aliases: [PeopleRules.Alias] = []
    /// Identities, or names of aliases, that are programs.
    package var bots: Set<PersonIdentity> = []
    /// Those that are none although they look like it.
    package var notBots: Set<PersonIdentity> = []

    private static let maximumBytes = 16 << 20

    package init() {}

    /// The file of a data directory; without one, what it says when it is empty. Blocking.
    /// - Throws: `unreadable_file`; `invalid_people`, which names the file, and in its message the place in it.
    package static func read(_ directory: DataDirectory) throws(MeterError) -> PeopleFile {
        guard let bytes = try PrivateFile.read(directory.people, maximumBytes: maximumBytes, mustBePrivate: false)
        else {
            return PeopleFile()
        }
        do throws(PeopleFileError) {
            return try PeopleFile(bytes)
        } catch {
            throw MeterError(
                .invalidPeople,
                "The people file has a mistake: \(error)",
                at: directory.people,
                hint: "circlemeter people check shows it again"
            )
        }
    }

    /// What rules are made of; `name` is how identities are stored.
    func rules(_ name: (String) -> String?) -> PeopleRules {
        func stored(_ identities: some Sequence<PersonIdentity>) -> [PersonIdentity] {
            identities.compactMap { name($0.text).map(PersonIdentity.init) }
        }
        return PeopleRules(
            aliases: aliases.compactMap { alias in
                name(alias.name).map { PeopleRules.Alias(name: $0, identities: stored(alias.identities)) }
            },
            bots: Set(stored(bots)),
            notBots: Set(stored(notBots))
        )
    }
}

/// What is wrong with a people file, and where: `aliases[0].identities[2]`.
struct PeopleFileError: Error, CustomStringConvertible {
    let path: String
    let message: String

    var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
