/// How a run ended, in the webhook's words (outbound webhooks, "Event types").
enum Status: UInt8, Sendable {
    case success
    case failed
    case error
    case canceled
    case unauthorized
    /// Any word that is not known here; the log keeps it as said.
    case other
    /// The API's word for a job that never started: no run.
    case notRun

    /// `timedout` and `infrastructure_fail` are the API's; the webhook has no other place for them than `failed`.
    init(_ word: some Collection<UInt8>) {
        func spells(_ name: StaticString) -> Bool {
            word.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        }
        switch word.count {
        case 7 where spells("success"): self = .success
        case 6 where spells("failed"): self = .failed
        case 8 where spells("canceled"): self = .canceled
        case 12 where spells("unauthorized"): self = .unauthorized
        case 5 where spells("error"): self = .error
        case 8 where spells("timedout"): self = .failed
        case 19 where spells("infrastructure_fail"): self = .failed
        case 7 where spells("not_run"): self = .notRun
        default: self = .other
        }
    }
}
