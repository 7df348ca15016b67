import CircleCI
package import Usage
import Wire

/// `rate-card.json` in the data directory: what people edit. Calls block.
package struct RateCardFile: Sendable {
    package let path: String

    /// More than every machine of a hundred periods takes.
    private static let maximumBytes = 1 << 20

    package init(_ directory: DataDirectory) {
        path = directory.rateCard
    }

    package init(path: String) {
        self.path = path
    }

    /// The content; nil where there is no file.
    /// - Throws: `unreadable_file`.
    func read() throws(MeterError) -> [UInt8]? {
        // Prices are no secret, and editors make files as they like.
        try PrivateFile.read(path, maximumBytes: RateCardFile.maximumBytes, mustBePrivate: false)
    }

    /// The card; nil where there is no file.
    /// - Throws: `unreadable_file`, with the place inside the JSON in its cause.
    package func card() throws(MeterError) -> RateCard? {
        guard let bytes = try read() else { return nil }
        return try card(in: bytes)
    }

    /// - Throws: `unreadable_file`, with the place inside the JSON in its cause.
    func card(in bytes: [UInt8]) throws(MeterError) -> RateCard {
        do throws(RateCardError) {
            return try RateCardScanner.card(in: bytes)
        } catch {
            throw MeterError(
                .unreadableFile,
                "The rate card cannot be used",
                at: path,
                cause: error,
                hint: "circlemeter rates --help shows the form of a card"
            )
        }
    }

    /// Writes the card in lines for people, 0600.
    /// - Returns: what the file holds now; nil where there is one already, which is left alone.
    func create(_ card: RateCard) throws(MeterError) -> [UInt8]? {
        let bytes = JSONIndentation.indented(RateCardScanner.text(of: card))
        return try PrivateFile.create(path, with: bytes) ? bytes : nil
    }
}
