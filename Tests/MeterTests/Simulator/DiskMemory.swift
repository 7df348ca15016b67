import FakeCircleCI
import FoundationEssentials
import Glibc

/// What of a directory's files is on disk for certain, beside what programs see of them.
///
/// A sync that failed is taken at its worst for as long as the process lives: no later one of that file does anything.
struct DiskMemory: Sendable {
    private struct File: Sendable {
        var durable: [UInt8] = []
        var losesSyncs = false
    }

    private var files: [Int: File] = [:]
    private var descriptors: [Int32: Int] = [:]
    private var directories: [Int32: String] = [:]
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var nextFile = 0

    mutating func open(_ path: String, _ descriptor: Int32, isNew: Bool) {
        if isNew {
            files[nextFile] = File()
            names[path] = nextFile
            nextFile += 1
        }
        if let file = names[path] { descriptors[descriptor] = file } else { directories[descriptor] = path }
    }

    mutating func close(_ descriptor: Int32) {
        descriptors[descriptor] = nil
        directories[descriptor] = nil
    }

    mutating func forgetDescriptors() {
        descriptors = [:]
        directories = [:]
        for id in files.keys { files[id]?.losesSyncs = false }
    }

    func isFile(_ descriptor: Int32) -> Bool { descriptors[descriptor] != nil }

    /// - Parameter bytes: what the file holds now.
    mutating func synchronize(_ descriptor: Int32, _ bytes: [UInt8]) {
        if let directory = directories[descriptor] {
            durableNames = durableNames.filter { parent($0.key) != directory }
            for (path, file) in names where parent(path) == directory { durableNames[path] = file }
        }
        guard let id = descriptors[descriptor], files[id]?.losesSyncs == false else { return }
        files[id]?.durable = bytes
    }

    mutating func loseSyncs(of descriptor: Int32) {
        guard let id = descriptors[descriptor] else { return }
        files[id]?.losesSyncs = true
    }

    mutating func rename(_ path: String, to newPath: String) {
        names[newPath] = names.removeValue(forKey: path)
    }

    mutating func remove(_ path: String) {
        names[path] = nil
    }

    /// Makes of the files what a loss of power leaves: of what was not synced, `generator` decides sector by sector and name
    /// by name.
    mutating func losePower(using generator: inout SeededGenerator) {
        var left = durableNames
        for (path, id) in durableNames.sorted(by: { $0.key < $1.key }) where names[path] != id {
            if Bool.random(using: &generator) { left[path] = nil }
        }
        for (path, id) in names.sorted(by: { $0.key < $1.key }) where durableNames[path] != id {
            let old = durableNames.first { $0.value == id }?.key
            // A rename is done or not: the file has one of the two names.
            if Bool.random(using: &generator) || old.map({ left[$0] != id }) ?? false {
                left[path] = id
                if let old, left[old] == id { left[old] = nil }
            }
        }
        var contents: [Int: [UInt8]] = [:]
        for (path, id) in names { contents[id] = DiskMemory.bytes(of: path) }
        for path in names.keys where left[path] == nil { unlink(path) }
        for (path, id) in left.sorted(by: { $0.key < $1.key }) {
            let bytes = torn(files[id]?.durable ?? [], contents[id], using: &generator)
            files[id]?.durable = bytes
            try? FileManager.default.createDirectory(atPath: parent(path), withIntermediateDirectories: true)
            DiskMemory.write(bytes, to: path)
        }
        names = left
        durableNames = left
    }

    private func torn(_ durable: [UInt8], _ written: [UInt8]?, using generator: inout SeededGenerator) -> [UInt8] {
        guard let written, written != durable else { return durable }
        var result = durable
        for start in stride(from: 0, to: written.count, by: 512) {
            let range = start..<min(start + 512, written.count)
            if range.upperBound <= durable.count, durable[range] == written[range] { continue }
            guard Bool.random(using: &generator) else { continue }
            if result.count < range.upperBound {
                result.append(contentsOf: [UInt8](repeating: 0, count: range.upperBound - result.count))
            }
            result.replaceSubrange(range, with: written[range])
        }
        return result
    }

    private static func bytes(of path: String) -> [UInt8] {
        (FileManager.default.contents(atPath: path)).map { [UInt8]($0) } ?? []
    }

    private static func write(_ bytes: [UInt8], to path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
        chmod(path, 0o600)
    }

    private func parent(_ path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
