import Usage
import Wire

/// Reads the members that the service's own events about the usage export have, and those about what credits depend
/// on. What is not readable is left out, as everywhere in an event.
enum SettlementScanner {
    /// Takes in the member `name` if it is one of these; false where it is not, with nothing read.
    static func member(
        _ name: JSONText,
        _ scanner: inout JSONScanner,
        into event: inout Event
    ) throws(JSONError) -> Bool {
        if scanner.matches(name, "usage") {
            event.usage = try usage(&scanner)
        } else if scanner.matches(name, "exported_at") {
            event.exportedAt = try scanner.textOrSkip()?.timestamp(in: scanner.bytes)
        } else if scanner.matches(name, "confirmed") {
            event.confirmations = try confirmations(&scanner)
        } else if scanner.matches(name, "settled_days") {
            event.settledDays = try days(&scanner)
        } else if scanner.matches(name, "rate_card") {
            let start = scanner.position
            try scanner.skipValue()
            let bytes = UnsafeRawBufferPointer(rebasing: scanner.bytes[start..<scanner.position])
            event.rateCard = try? RateCardScanner.card(in: bytes)
        } else {
            return false
        }
        return true
    }

    /// How many features an event may name: what a row could have, and more.
    private static let maximumFeatures = 64

    private static func usage(_ scanner: inout JSONScanner) throws(JSONError) -> EventUsage? {
        guard var walk = try scanner.enterObject() else { return nil }
        var usage = EventUsage()
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "resource_class") {
                usage.resourceClass = try scanner.textOrSkip()
            } else if scanner.matches(name, "executor") {
                usage.executor = try scanner.textOrSkip()
            } else if scanner.matches(name, "operating_system") {
                usage.operatingSystem = try scanner.textOrSkip()
            } else if scanner.matches(name, "parallelism") {
                usage.parallelism = try scanner.integerOrSkip()
            } else if scanner.matches(name, "credits") {
                try credits(&scanner, into: &usage)
            } else if scanner.matches(name, "cpu") {
                usage.cpu = try utilization(&scanner)
            } else if scanner.matches(name, "ram") {
                usage.memory = try utilization(&scanner)
            } else if scanner.matches(name, "user") {
                try user(&scanner, into: &usage)
            } else {
                try scanner.skipValue()
            }
        }
        return usage
    }

    private static func credits(_ scanner: inout JSONScanner, into usage: inout EventUsage) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            guard let thousandths = try scanner.integerOrSkip() else { continue }
            if scanner.matches(name, "total") {
                usage.totalCredits = thousandths
            } else if usage.credits.count < maximumFeatures {
                usage.credits.append(EventUsage.FeatureCredits(feature: name, thousandths: thousandths))
            }
        }
    }

    private static func utilization(_ scanner: inout JSONScanner) throws(JSONError) -> EventUsage.Utilization {
        var utilization = EventUsage.Utilization()
        guard var walk = try scanner.enterObject() else { return utilization }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "median") {
                utilization.median = try scanner.integerOrSkip()
            } else if scanner.matches(name, "max") {
                utilization.maximum = try scanner.integerOrSkip()
            } else {
                try scanner.skipValue()
            }
        }
        return utilization
    }

    private static func user(_ scanner: inout JSONScanner, into usage: inout EventUsage) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                usage.userID = try scanner.textOrSkip()
            } else if scanner.matches(name, "unregistered") {
                usage.isUnregistered = try scanner.boolOrSkip()
            } else {
                try scanner.skipValue()
            }
        }
    }

    /// Job ids and what their rows said: `{"ID":"<32 hex digits>"}`.
    private static func confirmations(_ scanner: inout JSONScanner) throws(JSONError) -> [Confirmation] {
        var confirmations: [Confirmation] = []
        guard var walk = try scanner.enterObject() else { return [] }
        while let name = try scanner.nextMember(&walk) {
            let bytes = scanner.bytes
            if let content = try scanner.textOrSkip().flatMap({ Hex.value128($0.string(in: bytes)) }) {
                confirmations.append(Confirmation(job: name, content: content))
            }
        }
        return confirmations
    }

    private static func days(_ scanner: inout JSONScanner) throws(JSONError) -> ClosedRange<Day>? {
        guard var walk = try scanner.enterObject() else { return nil }
        var from: Day?
        var to: Day?
        while let name = try scanner.nextMember(&walk) {
            let bytes = scanner.bytes
            if scanner.matches(name, "from") {
                from = try scanner.textOrSkip().flatMap { Day($0.string(in: bytes)) }
            } else if scanner.matches(name, "to") {
                to = try scanner.textOrSkip().flatMap { Day($0.string(in: bytes)) }
            } else {
                try scanner.skipValue()
            }
        }
        guard let from, let to, from <= to else { return nil }
        return from...to
    }
}
