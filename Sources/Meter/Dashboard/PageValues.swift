/// A page's values as dictionaries. The template library reflects upon a value for each name that it looks up, and upon all
/// those around it; here each is reflected upon once.
enum PageValues {
    /// - Returns: nil for nil. What describes itself, such as a text or a number, stays as it is.
    static func plain(_ value: Any) -> Any? {
        if let text = value as? String { return text }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.flatMap { plain($0.value) }
        case .collection: return mirror.children.compactMap { plain($0.value) }
        case .dictionary: return (value as? [String: Any])?.compactMapValues(plain) ?? value
        case .struct where !(value is any CustomStringConvertible):
            var members: [String: Any] = [:]
            for child in mirror.children {
                guard let name = child.label, let member = plain(child.value) else { continue }
                members[name] = member
            }
            return members
        default: return value
        }
    }
}
