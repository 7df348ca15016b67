import Foundation
import Synchronization
import Testing
import Usage

@testable import Meter

/// Expects an error of that code, and hands it on for a closer look.
@discardableResult
func expectError<Value>(
    _ code: MeterError.Code,
    _ body: () throws -> Value,
    sourceLocation: SourceLocation = #_sourceLocation
) -> MeterError? {
    let error = #expect(throws: MeterError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    return error
}

/// As above, for what takes its time.
@discardableResult
func expectError<Value>(
    _ code: MeterError.Code,
    _ body: () async throws -> Value,
    sourceLocation: SourceLocation = #_sourceLocation
) async -> MeterError? {
    let error = await #expect(throws: MeterError.self, sourceLocation: sourceLocation) { try await body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    return error
}

/// The permission bits of a file.
func mode(of path: String) throws -> mode_t {
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    return try #require((attributes[.posixPermissions] as? NSNumber).map { mode_t($0.uint16Value) })
}

/// The names in a directory, sorted.
func names(in path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
}

/// Whether something has happened.
final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}

extension UsageTable {
    /// The place of a value that the table has.
    func column(_ name: String) -> Int {
        guard let column = valueColumns.firstIndex(of: name) else { preconditionFailure("\(rawValue) has no \(name)") }
        return column
    }

    /// The runs of a row of jobs or workflows, which stand before the duration by status.
    func runs(_ tally: Tally) -> Int {
        (0..<column("duration_ms")).reduce(0) { $0 + tally[$1] }
    }
}

/// A sentence without the signs around the names in it.
func withoutIsolates(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\u{2068}" && $0 != "\u{2069}" }))
}
