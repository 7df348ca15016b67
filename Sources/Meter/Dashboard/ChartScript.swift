import Logging

/// Chart.js as the distribution installs it: read at start and served from here, so that no page loads anything from
/// elsewhere.
struct ChartScript: Sendable {
    static let installedPath = "/usr/share/javascript/chart.js/chart.min.js"
    private static let maximumBytes = 4 << 20

    let bytes: [UInt8]

    /// Nil where the file cannot be read: the pages then show tables alone, and the log says why. Blocks.
    static func load(_ path: String, logger: Logger) -> ChartScript? {
        let hint = "install libjs-chart.js, or name chart.min.js with --chart-script"
        do {
            if let bytes = try PrivateFile.read(path, maximumBytes: maximumBytes, mustBePrivate: false) {
                return ChartScript(bytes: bytes)
            }
            logger.info("pages go without charts", metadata: ["missing": "\(path)", "hint": "\(hint)"])
        } catch {
            logger.info("pages go without charts", metadata: ["error": "\(error)", "hint": "\(hint)"])
        }
        return nil
    }
}
