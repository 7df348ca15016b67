// What people read of signatures.

extension SignatureState {
    var word: String {
        switch self {
        case .valid: "Signature valid"
        case .mismatch: "Signature does not fit"
        case .absent: "No signature"
        case .erased: "Signature erased"
        case .unchecked: "Signature not checked"
        }
    }

    /// The badge's class in the style sheet.
    var tone: String {
        switch self {
        case .valid: "good"
        case .mismatch: "bad"
        case .absent: "plain"
        case .erased, .unchecked: "warning"
        }
    }

    var message: String {
        switch self {
        case .valid: "Checked again now: it fits the body, under a secret that counted when it was received."
        case .mismatch: "It fits the body under none of the connection's secrets that counted when it was received."
        case .absent: "It came without a signature; only deliveries by webhook have one."
        case .erased: "A person was erased from this record, and the signature went with it."
        case .unchecked: "The connection is no longer there, and its secrets went with it."
        }
    }
}
