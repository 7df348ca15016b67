import FoundationEssentials
import Glibc

/// A directory of its own for one test, removed with everything in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
    public let path: String

    /// - Parameter directory: Where it is made; nil: where `TMPDIR` says.
    public init(in directory: String? = nil) {
        let base = directory ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/circlemeter-test-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            fatalError("A temporary directory cannot be made in \(base): \(String(cString: strerror(errno)))")
        }
        path = String(cString: made)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of `name` in the directory.
    public func path(_ name: String) -> String {
        "\(path)/\(name)"
    }
}
