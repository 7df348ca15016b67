import CircleCI
import Wire

/// Why a form was not accepted, in plain words for the one who filled it in.
struct FormProblem: Error {
    let problem: String
    let advice: String?
    /// The name of the field that has to be changed; nil: none alone.
    let field: String?

    init(_ problem: String, _ advice: String? = nil, field: String? = nil) {
        self.problem = sentence(problem)
        self.advice = advice.map(sentence)
        self.field = field
    }

    /// Where the form has no field for the organization, the key is what can be changed.
    var onKey: FormProblem {
        field == "organization" ? FormProblem(problem, advice, field: KeyFields.keyField) : self
    }

    /// What is said beside the field of that name; nil: nothing is wrong with it.
    func beside(_ field: String) -> String? { self.field == field ? problem : nil }

    /// Nil where it is none that another input could mend; the service's own log says more then.
    init?(_ error: any Error) {
        switch error {
        case let error as FormProblem: self = error
        case let error as MeterError where FormProblem.isForPeople(error.code):
            self.init(error.message, error.hint, field: FormProblem.field(of: error.code))
        case let error as CircleCIError where error.code == .invalidKey:
            self.init(error.message, error.hint, field: KeyFields.keyField)
        case let error as CircleCIError where error.code == .emptySecret:
            self.init(error.message, error.hint, field: "webhook_secret")
        default: return nil
        }
    }

    private static func field(of code: MeterError.Code) -> String? {
        switch code {
        case .invalidConnectionId, .connectionExists: "id"
        case .organizationNotFound: "organization"
        case .keyRejected, .projectsNotReadable: KeyFields.keyField
        case .emptySecret: "webhook_secret"
        default: nil
        }
    }

    private static func isForPeople(_ code: MeterError.Code) -> Bool {
        switch code {
        case .invalidConnectionId, .invalidConnection, .emptySecret, .connectionExists, .keyRejected,
            .organizationNotFound, .projectsNotReadable, .circleCIUnavailable:
            true
        default: false
        }
    }
}

/// The fields about the API key that the forms share. They show no key that was entered.
struct KeyFields {
    let expires: String
    let firstDay: String
    let lastDay: String
    let isKeyRequired: Bool
    /// What is wrong with the key, and with its date.
    let keyProblem: String?
    let expiresProblem: String?

    static let keyField = "api_key"
    private static let expiresField = "expires"
    /// Personal tokens last a year at most (FACTS 7); a day more, for who is ahead of UTC.
    private static let maximumDays: Int32 = 367

    /// - Parameters:
    ///   - fields: What was sent, to show the date again.
    ///   - failure: Why it was not accepted.
    init(_ fields: FormFields?, _ failure: FormProblem?, isKeyRequired: Bool = true, today: Day) {
        keyProblem = failure?.beside(KeyFields.keyField)
        expiresProblem = failure?.beside(KeyFields.expiresField)
        expires = fields?["expires"].flatMap { Day($0) }?.description ?? ""
        firstDay = today.description
        lastDay = KeyFields.lastDay(today).description
        self.isKeyRequired = isKeyRequired
    }

    /// The key, and the day on which it expires; no key where the field is empty. White space around a pasted key is no
    /// part of it.
    static func read(_ fields: FormFields, today: Day) throws(FormProblem) -> (key: Secret?, expires: Day?) {
        let key = trimmed(fields["api_key"])
        let text = trimmed(fields["expires"])
        var expires: Day?
        if !text.isEmpty {
            guard let day = Day(text) else {
                throw FormProblem(
                    "The expiry date is no date",
                    "write it as in \(lastDay(today))",
                    field: expiresField
                )
            }
            guard day >= today else {
                throw FormProblem("By the expiry date, \(day), the key has expired already", field: expiresField)
            }
            guard day <= lastDay(today) else {
                throw FormProblem(
                    "The expiry date, \(day), is more than a year away",
                    "CircleCI's keys last a year at most; leave the date empty if the key has none",
                    field: expiresField
                )
            }
            expires = day
        }
        return (key.isEmpty ? nil : Secret(Array(key.utf8)), expires)
    }

    /// As ``read(_:today:)``, where there must be a key.
    static func readKey(_ fields: FormFields, today: Day) throws(FormProblem) -> (key: Secret, expires: Day?) {
        let (key, expires) = try read(fields, today: today)
        guard let key else { throw FormProblem("The API key is missing", "paste it into the field", field: keyField) }
        return (key, expires)
    }

    static func trimmed(_ text: String?) -> String {
        var text = (text ?? "")[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    private static func lastDay(_ today: Day) -> Day {
        Day(daysSinceEpoch: today.daysSinceEpoch + maximumDays)
    }
}
