import HTTPTypes

/// The proxies whose word about the client counts (`--trusted-proxy`). From anybody else the headers in which proxies tell
/// it are what a client wrote itself, and are passed over.
public struct TrustedProxies: Sendable {
    /// Who asks, and how.
    struct Client: Hashable, Sendable {
        var address: String
        /// Whether the client came to the proxy by https.
        var isSecure = false
    }

    private let ranges: [AddressRange]

    /// None.
    init() { ranges = [] }

    /// - Parameter text: addresses and ranges with commas between: `10.0.0.0/8, 2001:db8::1`.
    /// - Throws: `invalid_setting`; `name` is the setting's.
    init(_ text: String, setting name: String) throws(MeterError) {
        var ranges: [AddressRange] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let part = TrustedProxies.trimmed(part)
            guard let range = AddressRange(part) else {
                throw MeterError(
                    .invalidSetting,
                    "'\(part)' is no address and no range of addresses",
                    at: name,
                    hint: "for example 10.0.0.0/8 or 2001:db8::1, with commas between"
                )
            }
            ranges.append(range)
        }
        self.ranges = ranges
    }

    func contains(_ address: IPAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// The client behind a connection.
    ///
    /// Of the addresses that proxies appended, the right-most that is no trusted proxy is the client's: what stands left of
    /// it the client may have written. An entry that is no address ends the search at the proxy that wrote it. Where both
    /// `X-Forwarded-For` and `Forwarded` are there, one is the client's own and nobody knows which: the proxy counts.
    ///
    /// - Parameter peer: the other end of the connection; nil where there is no such address.
    func client(peer: String?, _ headers: HTTPFields) -> Client {
        let peer = peer ?? "local"
        guard var address = IPAddress(peer), contains(address) else { return Client(address: peer) }
        let listed = TrustedProxies.items(headers[values: TrustedProxies.forwardedFor])
        let forwarded = TrustedProxies.items(headers[values: TrustedProxies.forwarded])
        guard listed.isEmpty || forwarded.isEmpty else { return Client(address: address.description) }
        let entries = listed.isEmpty ? forwarded.map { TrustedProxies.parameter("for", of: $0) ?? "" } : listed
        for entry in entries.reversed() {
            guard let hop = TrustedProxies.address(entry) else { break }
            address = hop
            if !contains(hop) { break }
        }
        let scheme =
            forwarded.isEmpty
            ? TrustedProxies.items(headers[values: TrustedProxies.forwardedProto]).last
            : forwarded.last.flatMap { TrustedProxies.parameter("proto", of: $0) }
        return Client(address: address.description, isSecure: scheme?.lowercased() == "https")
    }

    private static let forwardedFor = HTTPField.Name("x-forwarded-for")!
    private static let forwardedProto = HTTPField.Name("x-forwarded-proto")!
    private static let forwarded = HTTPField.Name("forwarded")!

    /// The items of a header that may be there several times, each a comma list.
    private static func items(_ fields: [String]) -> [String] {
        fields.flatMap { $0.split(separator: ",", omittingEmptySubsequences: true) }.map { trimmed($0) }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    /// A parameter of an element of `Forwarded` (RFC 7239), without quotes.
    private static func parameter(_ name: String, of element: String) -> String? {
        for pair in element.split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, trimmed(parts[0]).lowercased() == name else { continue }
            return trimmed(parts[1]).filter { $0 != "\"" }
        }
        return nil
    }

    /// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
    private static func address(_ entry: String) -> IPAddress? {
        if entry.hasPrefix("[") {
            guard let end = entry.firstIndex(of: "]") else { return nil }
            return IPAddress(entry[entry.index(after: entry.startIndex)..<end])
        }
        let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
        return IPAddress(parts.count == 2 ? String(parts[0]) : entry)
    }
}
