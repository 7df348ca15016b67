import EventLog
import Foundation

/// The files of a data directory, searched as they are; segments of the log that are compressed, as they were.
enum TextFiles {
    private static let chunkBytes = 4 << 20
    private static let overlapBytes = 1024

    static func all(in directory: DataDirectory) -> [String] { all(under: directory.path) }

    static func all(under path: String) -> [String] {
        guard let names = FileManager.default.enumerator(atPath: path) else { return [] }
        var paths: [String] = []
        for case let name as String in names {
            var isDirectory: ObjCBool = false
            let file = "\(path)/\(name)"
            if FileManager.default.fileExists(atPath: file, isDirectory: &isDirectory), !isDirectory.boolValue {
                paths.append(file)
            }
        }
        return paths.sorted()
    }

    /// Whether the text stands in the file's bytes; false where there is no such file.
    ///
    /// - Throws: Where the file cannot be read.
    static func holds(_ path: String, _ person: PersonText) throws -> Bool {
        do {
            guard path.hasSuffix(SegmentContent.suffix) else { return try holds(person, plain: path) }
            let content = try SegmentContent(path)
            var offset = 0
            return try holds(person) {
                let chunk = try content.bytes(at: offset, count: chunkBytes)
                offset += chunk.count
                return chunk
            }
        } catch let error as SystemError where error.number == ENOENT {
            return false
        }
    }

    private static func holds(_ person: PersonText, plain path: String) throws -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError.last("open") }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        return try holds(person) { Array(try file.read(upToCount: chunkBytes) ?? Data()) }
    }

    /// - Parameter next: The bytes that follow, none at the end.
    private static func holds(_ person: PersonText, next: () throws -> [UInt8]) throws -> Bool {
        var window: [UInt8] = []
        var isFirst = true
        while true {
            let chunk = try next()
            window.append(contentsOf: chunk)
            // What touches an end is looked at together with what stands beyond it.
            let isFound = person.occurrences(in: window, areEscaped: true).contains { place in
                (isFirst || place.lowerBound > 0) && (chunk.isEmpty || place.upperBound + 1 < window.count)
            }
            if isFound || chunk.isEmpty { return isFound }
            // An address has no more than 320 characters.
            let passed = max(0, window.count - overlapBytes)
            window.removeFirst(passed)
            isFirst = isFirst && passed == 0
        }
    }
}
