import Foundation

/// Standard output and standard error. Results go to the first, everything else to the second.
enum Console {
    static func output(_ text: String) { write(text + "\n", to: .standardOutput) }
    static func output(_ bytes: some Sequence<UInt8>) { write(Data(bytes), to: .standardOutput) }
    static func error(_ text: String) { write(text + "\n", to: .standardError) }

    /// Whether a person looks at standard error.
    static var isTerminal: Bool { isatty(FileHandle.standardError.fileDescriptor) == 1 }

    static func status(_ text: String) { write(text, to: .standardError) }

    private static func write(_ text: String, to handle: FileHandle) { write(Data(text.utf8), to: handle) }

    private static func write(_ data: Data, to handle: FileHandle) {
        do {
            try handle.write(contentsOf: data)
        } catch {
            // The reader has gone, as in `circlemeter log cat | head`.
            Foundation.exit(0)
        }
    }
}

/// What a command found wrong: what, where, and what to do next.
struct CommandFailure: Error, CustomStringConvertible {
    /// 1: something was found wrong; 2: misuse.
    var status: Int32
    var description: String

    static func found(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(status: 1, description: "circlemeter: \(message)" + (hint.map { "\n  \($0)" } ?? ""))
    }

    static func misuse(_ message: String, hint: String? = nil) -> CommandFailure {
        CommandFailure(status: 2, description: "circlemeter: \(message)" + (hint.map { "\n  \($0)" } ?? ""))
    }
}
