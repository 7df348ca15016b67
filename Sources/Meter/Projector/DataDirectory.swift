/// Where everything lies that a service keeps.
public struct DataDirectory: Sendable, CustomStringConvertible {
    public let path: String

    public init(_ path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    public var description: String { path }

    /// The log: the only truth, everything below can be made again from it but for secrets and tokens.
    public var log: String { "\(path)/log" }
    /// The published snapshot.
    public var usage: String { "\(path)/usage.sqlite" }
    /// A snapshot that is being made beside the published one.
    public var usageRebuild: String { "\(path)/usage.sqlite.building" }
    /// A snapshot whose making was interrupted, in good order.
    public var usagePaused: String { "\(path)/usage.sqlite.paused" }
    /// A snapshot for a look, thrown away afterwards.
    public var usageDryRun: String { "\(path)/usage.sqlite.dry-run" }
    /// Who is one person, who is a program, and how persons are called. Written by people.
    package var people: String { "\(path)/people.json" }
    /// The key of pseudonyms.
    var personKey: String { "\(path)/person-key" }
    /// Usage exports on their way onto the log.
    public var exports: String { "\(path)/exports" }
    /// What machines cost, for people to edit.
    public var rateCard: String { "\(path)/rate-card.json" }
    /// Where a running service can be reached by commands on the same machine.
    public var service: String { "\(path)/service.json" }

    /// Makes the directory, 0700, unless it exists.
    public func make() throws(MeterError) { try PrivateFile.makeDirectory(path) }
}
