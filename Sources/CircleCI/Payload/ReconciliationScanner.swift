import Usage
import Wire

/// Reads the members of a `project-reconciled` event, the service's own word on how far a project is compared with
/// CircleCI. What is not readable is left out, as everywhere in an event.
enum ReconciliationScanner {
    private typealias Pipeline = Reconciliation.OpenPipeline

    /// Takes in the member `name` if it is one of these; false where it is not, with nothing read.
    static func member(
        _ name: JSONText,
        _ scanner: inout JSONScanner,
        into reconciliation: inout Reconciliation?
    ) throws(JSONError) -> Bool {
        if scanner.matches(name, "through") {
            if let through = try scanner.textOrSkip()?.timestamp(in: scanner.bytes) {
                change(&reconciliation) { $0.through = through }
            }
        } else if scanner.matches(name, "open") {
            var open: [Pipeline] = []
            if var walk = try scanner.enterArray() {
                while try scanner.nextElement(&walk) {
                    if let pipeline = try pipeline(&scanner) { open.append(pipeline) }
                }
            }
            change(&reconciliation) { $0.open = open }
        } else if scanner.matches(name, "missing") {
            var missing: [Reconciliation.MissingItem] = []
            if var walk = try scanner.enterArray() {
                while try scanner.nextElement(&walk) {
                    if let item = try missingItem(&scanner) { missing.append(item) }
                }
            }
            change(&reconciliation) { $0.missing = missing }
        } else if scanner.matches(name, "refilled") {
            var refilled: [String] = []
            if var walk = try scanner.enterArray() {
                while try scanner.nextElement(&walk) {
                    if let place = try text(&scanner) { refilled.append(place) }
                }
            }
            change(&reconciliation) { $0.refilled = refilled }
        } else if scanner.matches(name, "explained") {
            var explained: [Int] = []
            if var walk = try scanner.enterArray() {
                while try scanner.nextElement(&walk) {
                    if let number = try scanner.integerOrSkip() { explained.append(Int(number)) }
                }
            }
            change(&reconciliation) { $0.explained = explained }
        } else {
            return false
        }
        return true
    }

    private static func change(_ reconciliation: inout Reconciliation?, _ body: (inout Reconciliation) -> Void) {
        var changed = reconciliation ?? Reconciliation(through: Timestamp(microseconds: 0))
        body(&changed)
        reconciliation = changed
    }

    private static func text(_ scanner: inout JSONScanner) throws(JSONError) -> String? {
        let bytes = scanner.bytes
        return try scanner.textOrSkip()?.string(in: bytes)
    }

    private static func pipeline(_ scanner: inout JSONScanner) throws(JSONError) -> Pipeline? {
        guard var walk = try scanner.enterObject() else { return nil }
        var id: String?
        var number: Int64?
        var createdAt: Timestamp?
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                id = try text(&scanner)
            } else if scanner.matches(name, "number") {
                number = try scanner.integerOrSkip()
            } else if scanner.matches(name, "created_at") {
                createdAt = try scanner.textOrSkip()?.timestamp(in: scanner.bytes)
            } else {
                try scanner.skipValue()
            }
        }
        guard let id, let number, let createdAt else { return nil }
        return Pipeline(id: id, number: Int(number), createdAt: createdAt)
    }

    private static func missingItem(
        _ scanner: inout JSONScanner
    ) throws(JSONError) -> Reconciliation.MissingItem? {
        guard var walk = try scanner.enterObject() else { return nil }
        var texts: [String: String] = [:]
        var owner: Pipeline?
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "pipeline") {
                owner = try pipeline(&scanner)
            } else if let value = try text(&scanner) {
                texts[name.string(in: scanner.bytes)] = value
            }
        }
        guard let kind = texts["kind"], let id = texts["id"], let day = texts["day"].flatMap({ Day($0) }), let owner
        else { return nil }
        return Reconciliation.MissingItem(kind: kind, id: id, pipeline: owner, day: day, reason: texts["reason"] ?? "")
    }
}
