/// What is wrong with a usage export's file, and where.
public struct UsageExportError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case unreadableFile = "unreadable_file"
        /// A gzip file that ends early or does not decompress.
        case damagedGzip = "damaged_gzip"
        case emptyFile = "empty_file"
        case missingColumn = "missing_column"
        case repeatedColumn = "repeated_column"
        /// A row with fewer or more fields than the header.
        case fieldCount = "field_count"
        case fieldTooLong = "field_too_long"
        /// A quoted field that does not end, or that something follows.
        case badQuotes = "bad_quotes"
        case badValue = "bad_value"
        /// A row without `JOB_ID`.
        case missingJobID = "missing_job_id"
    }

    public let code: Code
    public let message: String
    /// As it was named to the reader.
    public let file: String
    /// Of the file's text, from 1: where the row begins. Nil where the file as a whole is meant.
    public let line: Int?
    /// The column's name.
    public let column: String?
    public let hint: String?

    public init(
        _ code: Code,
        _ message: String,
        file: String,
        line: Int? = nil,
        column: String? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint
    }

    /// `file:line: COLUMN: message; hint`.
    public var description: String {
        var text = file
        if let line { text += ":\(line)" }
        if let column { text += ": \(column)" }
        text += ": \(message)"
        if let hint { text += "; \(hint)" }
        return text
    }
}
