/// `1 234 567`: groups of three with a narrow space that does not break.
func grouped(_ number: Int) -> String {
    var text = ""
    let digits = String(abs(number))
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202f}" }
        text.append(digit)
    }
    return number < 0 ? "-" + text : text
}

/// A duration in ms as people say it: `850 ms`, `42 s`, `3 min 5 s`, `2 h 10 min`.
func duration(_ milliseconds: Int) -> String {
    let seconds = milliseconds / 1000
    switch seconds {
    case 0: return "\(milliseconds) ms"
    case 1..<60: return "\(seconds) s"
    case 60..<3600: return "\(seconds / 60) min \(seconds % 60) s"
    default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}
