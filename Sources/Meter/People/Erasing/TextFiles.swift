import Foundation

/// The files of a data directory, searched as they are.
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
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let error = SystemError.last("open")
            guard error.number == ENOENT else { throw error }
            return false
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var window: [UInt8] = []
        var isFirst = true
        while true {
            let chunk = try file.read(upToCount: chunkBytes) ?? Data()
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
