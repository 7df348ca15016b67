import CircleCI
import Usage
import Wire

/// What CircleCI names and could not be fetched, by name, and how and when it will be.
///
/// The template looks for a name that is nil in what is around it, so no two levels share a name.
struct MissingList {
    /// What becomes of a connection's items.
    struct Retry {
        let retryID: String
        let retryWords: String
        /// Where a comparison is asked for; nil where it would be of no use, or is not for this visitor.
        let reconcilePath: String?
        /// Where a key is entered, where that is what is needed.
        let keyPath: String?
        /// Connect or Reconnect.
        let keyAction: String?
    }

    struct Item {
        let missingDay: String
        let missingPath: String?
        let missingProject: String
        /// The slug, where the project is called otherwise.
        let missingSlug: String?
        let missingKind: String
        let missingID: String
        let missingWhy: String
    }

    /// Beyond these the rest is counted.
    static let maximumItems = 200

    let retries: [Retry]
    let missingItems: [Item]
    let moreMissing: String?

    /// Nil where nothing is missing.
    static func read(
        _ filter: SnapshotFilter,
        _ parts: MeterParts,
        _ context: DashboardContext
    ) async throws -> MissingList? {
        let (items, count) = try await parts.projector.published.read(or: ([], 0)) { store in
            try store.missing(filter, limit: maximumItems)
        }
        guard count > 0 else { return nil }
        var retries: [Retry] = []
        for id in Set(items.map(\.connection)).sorted() {
            retries.append(try await retry(id, parts, isAdmin: context.access?.role == .admin))
        }
        return MissingList(
            retries: retries,
            missingItems: items.map(Item.init),
            moreMissing: count > items.count ? grouped(count - items.count) : nil
        )
    }

    private static func retry(_ id: String, _ parts: MeterParts, isAdmin: Bool) async throws -> Retry {
        guard let connection = parts.connections.get(id) else {
            return Retry(id, "\(id) is no longer a connection: its gaps stay until a usage export closes their days.")
        }
        let keyPath = isAdmin ? "/connections/\(id)/reconnect" : nil
        guard connection.apiKey != nil else {
            return Retry(
                id,
                "\(id) has no API key, so CircleCI cannot be asked. With one, it is tried again at once.",
                keyPath: keyPath,
                keyAction: "Connect"
            )
        }
        guard await parts.circleci.monitor.health(of: id)?.allowsCalls != false else {
            return Retry(
                id,
                "CircleCI rejects the key of \(id). Once it is reconnected, this is tried again at once.",
                keyPath: keyPath,
                keyAction: "Reconnect"
            )
        }
        var words = "\(id): tried again with each comparison with CircleCI"
        if let period = parts.settings.reconcileEvery {
            words += period < .seconds(120) ? ", every minute or so" : ", every \(Int(period / .seconds(60))) minutes"
        } else {
            words += ", which is made by hand only (setting reconcile-every)"
        }
        if let last = await parts.circleci.reconciler.lastReport(of: id) {
            let time = ShownTime(last.at, now: parts.access.now())
            words += ". The last was at \(time.minute) (\(time.distance))"
        }
        return Retry(id, words + ".", reconcilePath: isAdmin ? "/connections/\(id)/reconcile" : nil)
    }
}

extension MissingList.Retry {
    fileprivate init(
        _ id: String,
        _ words: String,
        reconcilePath: String? = nil,
        keyPath: String? = nil,
        keyAction: String? = nil
    ) {
        retryID = id
        retryWords = words
        self.reconcilePath = reconcilePath
        self.keyPath = keyPath
        self.keyAction = keyAction
    }
}

extension MissingList.Item {
    fileprivate init(_ item: NamedMissingItem) {
        missingDay = item.day
        missingPath = Day(item.day).map { CoverageCalendar.logPath(item.slug, $0...$0) }
        let isNamedBySlug = item.name.isEmpty || item.slug.hasSuffix("/" + item.name)
        missingProject = isNamedBySlug ? item.slug : item.name
        missingSlug = isNamedBySlug ? nil : item.slug
        missingKind = item.kind == "workflow" ? "jobs of a workflow" : "workflows of a pipeline"
        missingID = item.id
        missingWhy = CircleCIWords.reason(item.reason)
    }
}
