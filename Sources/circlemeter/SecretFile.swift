import Foundation
import Meter

/// A secret from a file, `-` for standard input, so that it never stands on a command line. One newline at its end is
/// not part of it.
enum SecretFile {
    private static let maximumBytes = 65_536

    static func read(_ path: String, option: String) throws -> Secret {
        let bytes: [UInt8]
        do {
            let handle = path == "-" ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(filePath: path))
            bytes = [UInt8](try handle.read(upToCount: maximumBytes + 1) ?? Data())
        } catch {
            throw CommandFailure.misuse(
                "\(option): \(path) cannot be read",
                hint: "give a readable file, or - for standard input"
            )
        }
        guard bytes.count <= maximumBytes else {
            throw CommandFailure.misuse("\(option): \(path) is longer than \(maximumBytes) bytes")
        }
        let secret = Secret(trimming: bytes)
        guard !secret.isEmpty else { throw CommandFailure.misuse("\(option): \(path) is empty") }
        return secret
    }
}
