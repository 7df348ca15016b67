import Glibc

/// What a loss of power leaves of files: what was synced for certain, and of the rest any part.
///
/// A failed sync is taken at its worst: what it covered is lost although it still reads well, and the next sync of the
/// same descriptor reports success without writing it.
struct DiskModel: Sendable {
    private struct File: Sendable {
        /// As programs see it.
        var bytes: [UInt8] = []
        var durable: [UInt8] = []
        /// Ranges of `bytes` that the next sync writes.
        var dirty: [Range<Int>] = []
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

    mutating func write(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int) {
        guard let id = descriptors[descriptor], !bytes.isEmpty else { return }
        let end = offset + bytes.count
        pad(&files[id]!.bytes, to: end)
        files[id]!.bytes.replaceSubrange(offset..<end, with: bytes)
        files[id]!.dirty.append(offset..<end)
    }

    mutating func truncate(_ descriptor: Int32, to size: Int) {
        guard let id = descriptors[descriptor] else { return }
        pad(&files[id]!.bytes, to: size)
        files[id]!.bytes.removeSubrange(size...)
        files[id]!.dirty = files[id]!.dirty.map { $0.clamped(to: 0..<size) }
    }

    mutating func synchronize(_ descriptor: Int32) {
        if let directory = directories[descriptor] {
            durableNames = durableNames.filter { parent($0.key) != directory }
            for (path, file) in names where parent(path) == directory { durableNames[path] = file }
        }
        guard let id = descriptors[descriptor], var file = files[id] else { return }
        let ranges = file.dirty
        file.dirty = []
        for range in ranges { persist(range, of: &file) }
        pad(&file.durable, to: file.bytes.count)
        file.durable.removeSubrange(file.bytes.count...)
        files[id] = file
    }

    mutating func loseSync(_ descriptor: Int32) {
        guard let id = descriptors[descriptor] else { return }
        files[id]!.dirty = []
    }

    mutating func rename(_ path: String, to newPath: String) {
        names[newPath] = names.removeValue(forKey: path)
    }

    mutating func remove(_ path: String) {
        names[path] = nil
    }

    /// What of a file is on disk for certain.
    func synced(_ path: String) -> [UInt8] {
        durableNames[path].flatMap { files[$0]?.durable } ?? []
    }

    /// Writes into `target` what `directory` holds after a loss of power. Of what was not synced, `generator` decides
    /// sector by sector and name by name.
    func afterPowerLoss(
        of directory: String,
        into target: String,
        using generator: inout some RandomNumberGenerator
    ) {
        mkdir(target, 0o700)
        var left = durableNames
        for (path, file) in names.sorted(by: { $0.key < $1.key }) where durableNames[path] != file {
            if Bool.random(using: &generator) { left[path] = file }
        }
        for (path, id) in left.sorted(by: { $0.key < $1.key }) where parent(path) == directory {
            guard var file = files[id] else { continue }
            for range in file.dirty {
                var start = range.lowerBound
                while start < range.upperBound {
                    let end = min(range.upperBound, (start / 512 + 1) * 512)
                    if Bool.random(using: &generator) { persist(start..<end, of: &file) }
                    start = end
                }
            }
            Files.write(file.durable, to: "\(target)/\(path.dropFirst(directory.count + 1))")
        }
    }

    private func persist(_ range: Range<Int>, of file: inout File) {
        pad(&file.durable, to: range.upperBound)
        file.durable.replaceSubrange(range, with: file.bytes[range])
    }

    private func pad(_ bytes: inout [UInt8], to count: Int) {
        if bytes.count < count { bytes.append(contentsOf: [UInt8](repeating: 0, count: count - bytes.count)) }
    }

    private func parent(_ path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
