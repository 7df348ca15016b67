import Hummingbird

/// Where a listener listens: `127.0.0.1:8080`, `[::1]:8080`, `localhost:0` (0: any free port).
public struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// - Throws: `invalid_setting` where `text` is no address; `name` is the setting's.
    public init(_ text: String, setting name: String) throws(MeterError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw ListenAddress.invalid(text, name) }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw ListenAddress.invalid(text, name)
        }
        guard !host.isEmpty else { throw ListenAddress.invalid(text, name) }
        self.init(host: host, port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    private static func invalid(_ text: String, _ name: String) -> MeterError {
        MeterError(
            .invalidSetting,
            "'\(text)' is no address to listen on",
            at: name,
            hint: "give host and port, for example 127.0.0.1:8080"
        )
    }
}

extension ListenAddress {
    var bindAddress: BindAddress { .hostname(host, port: port) }
}
