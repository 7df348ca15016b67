import Foundation

/// An address with a query of what was asked, changed by `changes`.
func path(_ values: [String: String], under path: String, adding changes: [String: String]) -> String {
    let query = values.filter { !$0.value.isEmpty }.merging(changes) { $1 }.sorted { $0.key < $1.key }
    guard !query.isEmpty else { return path }
    return path + "?" + query.map { "\($0.key)=\(queryValue($0.value))" }.joined(separator: "&")
}

/// Percent-encoded but for letters, digits and `-._~` (RFC 3986, unreserved).
func queryValue(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
}

private let unreserved = CharacterSet(
    charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
)
