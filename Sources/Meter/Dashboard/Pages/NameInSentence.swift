/// A name that strangers chose, for the middle of a sentence, where no element of its own can hold it.
///
/// It stands between U+2068 and U+2069, so that its writing direction is its own; the signs that could end that early are
/// shown as U+FFFD, and a long name is cut. Tables show names whole, in `<bdi>`.
func nameInSentence(_ name: String) -> String {
    let maximumScalars = 100
    var shown = String.UnicodeScalarView()
    for scalar in name.unicodeScalars.prefix(maximumScalars) {
        switch scalar.value {
        case 0x202a...0x202e, 0x2066...0x2069, 0x2028, 0x2029: shown.append("\u{fffd}")
        default: shown.append(scalar)
        }
    }
    if name.unicodeScalars.count > maximumScalars { shown.append("\u{2026}") }
    return "\u{2068}\(String(shown))\u{2069}"
}
