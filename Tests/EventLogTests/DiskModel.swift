import Glibc

/// What a loss of power leaves of files: what was synced for certain, and of the rest any part.
///
/// Bytes get to the disk in sectors of 512, each on its own and in any order; a file's size, a cut and each change of a
/// name also on their own. A failed sync is taken at its worst: what it covered may never get there although it still reads
/// well, and the next sync of the same file reports success without writing it. Of names this is not assumed: a directory
/// whose sync failed is synced by the next one that succeeds, as with every journal.
struct DiskModel: Sendable {
    static let sectorBytes = 512

    private enum Node: Sendable {
        case directory
        case file(Int)
    }

    private enum NameChange: Sendable {
        case set(String, Node)
        case move(String, String, Node)
        case remove(String)

        var path: String {
            switch self {
            case .set(let path, _), .move(_, let path, _), .remove(let path): path
            }
        }

        func apply(to names: inout [String: Node]) {
            switch self {
            case .set(let path, let node): names[path] = node
            case .move(let path, let newPath, let node):
                names[path] = nil
                names[newPath] = node
            case .remove(let path): names[path] = nil
            }
        }
    }

    /// A change that gets to the disk as a whole or not at all.
    private enum Change: Sendable {
        /// Within one sector.
        case bytes(Int, [UInt8])
        /// Grown with zeros, the bytes being on their way.
        case grow(Int)
        case cut(Int)

        func apply(to bytes: inout [UInt8]) {
            switch self {
            case .bytes(let offset, let new):
                Change.grow(offset + new.count).apply(to: &bytes)
                bytes.replaceSubrange(offset..<(offset + new.count), with: new)
            case .grow(let size):
                if bytes.count < size { bytes.append(contentsOf: [UInt8](repeating: 0, count: size - bytes.count)) }
            case .cut(let size):
                if bytes.count > size { bytes.removeSubrange(size...) }
            }
        }
    }

    private struct Piece: Sendable {
        let change: Change
        var isCertain = false
        /// A sync that covered it has failed.
        var isLost = false
    }

    private struct File: Sendable {
        /// As programs see it, in bytes.
        var size = 0
        var durable: [UInt8] = []
        /// In order.
        var pieces: [Piece] = []

        mutating func synchronize() {
            for index in pieces.indices where !pieces[index].isLost { pieces[index].isCertain = true }
            let settled = pieces.firstIndex { !$0.isCertain } ?? pieces.count
            for piece in pieces[..<settled] { piece.change.apply(to: &durable) }
            pieces.removeFirst(settled)
        }

        var uncertainCount: Int { pieces.count { !$0.isCertain } }

        func bytes(keeping isKept: (Int) -> Bool) -> [UInt8] {
            var bytes = durable
            var index = 0
            for piece in pieces {
                if piece.isCertain {
                    piece.change.apply(to: &bytes)
                } else {
                    if isKept(index) { piece.change.apply(to: &bytes) }
                    index += 1
                }
            }
            return bytes
        }
    }

    private var files: [Int: File] = [:]
    private var descriptors: [Int32: Int] = [:]
    private var directories: [Int32: String] = [:]
    private var names: [String: Node] = [:]
    private var durableNames: [String: Node] = [:]
    private var nameChanges: [NameChange] = []
    private var nextFile = 0

    /// Takes what a directory holds for durable.
    mutating func adopt(_ state: DirectoryState, at directory: String) {
        names[directory] = .directory
        for name in state.directories { names["\(directory)/\(name)"] = .directory }
        for (name, bytes) in state.files {
            files[nextFile] = File(size: bytes.count, durable: bytes)
            names["\(directory)/\(name)"] = .file(nextFile)
            nextFile += 1
        }
        durableNames = names
    }

    mutating func open(_ path: String, _ descriptor: Int32, isNew: Bool) {
        if isNew {
            files[nextFile] = File()
            note(.set(path, .file(nextFile)))
            nextFile += 1
        }
        if case .file(let file) = names[path] { descriptors[descriptor] = file } else { directories[descriptor] = path }
    }

    mutating func close(_ descriptor: Int32) {
        descriptors[descriptor] = nil
        directories[descriptor] = nil
    }

    mutating func write(_ descriptor: Int32, _ bytes: [UInt8], at offset: Int) {
        guard let id = descriptors[descriptor], !bytes.isEmpty else { return }
        let end = offset + bytes.count
        if end > files[id]!.size { add(.grow(end), to: id) }
        var start = offset
        while start < end {
            let next = min(end, (start / DiskModel.sectorBytes + 1) * DiskModel.sectorBytes)
            add(.bytes(start, Array(bytes[(start - offset)..<(next - offset)])), to: id)
            start = next
        }
        files[id]!.size = max(files[id]!.size, end)
    }

    mutating func truncate(_ descriptor: Int32, to size: Int) {
        guard let id = descriptors[descriptor] else { return }
        add(size < files[id]!.size ? .cut(size) : .grow(size), to: id)
        files[id]!.size = size
    }

    mutating func synchronize(_ descriptor: Int32) {
        if let directory = directories[descriptor] {
            for change in nameChanges where DiskModel.parent(of: change.path) == directory {
                change.apply(to: &durableNames)
            }
            nameChanges.removeAll { DiskModel.parent(of: $0.path) == directory }
        }
        if let id = descriptors[descriptor] { files[id]!.synchronize() }
    }

    mutating func loseSync(_ descriptor: Int32) {
        guard let id = descriptors[descriptor] else { return }
        for index in files[id]!.pieces.indices where !files[id]!.pieces[index].isCertain {
            files[id]!.pieces[index].isLost = true
        }
    }

    mutating func rename(_ path: String, to newPath: String) {
        guard let node = names[path] else { return }
        note(.move(path, newPath, node))
    }

    mutating func remove(_ path: String) { note(.remove(path)) }

    mutating func makeDirectory(_ path: String) { note(.set(path, .directory)) }

    /// What of a file is on disk for certain.
    func synced(_ path: String) -> [UInt8] {
        guard case .file(let id) = durableNames[path] else { return [] }
        return files[id]!.bytes { _ in false }
    }

    /// How many changes in a directory may be on disk or not.
    func uncertainCount(in directory: String) -> Int {
        nameChanges.count { isIn(directory, $0.path) }
            + shownFiles(in: directory).reduce(0) { $0 + files[$1]!.uncertainCount }
    }

    /// What a directory holds after a loss of power.
    ///
    /// - Parameter isKept: Whether a change is on disk, of ``uncertainCount(in:)``.
    func left(of directory: String, keeping isKept: (Int) -> Bool) -> DirectoryState {
        var index = 0
        var left = durableNames
        for change in nameChanges where isIn(directory, change.path) {
            if isKept(index) { change.apply(to: &left) }
            index += 1
        }
        var contents: [Int: [UInt8]] = [:]
        for id in shownFiles(in: directory) {
            let start = index
            contents[id] = files[id]!.bytes { isKept(start + $0) }
            index += files[id]!.uncertainCount
        }
        var state = DirectoryState()
        state.isThere = left[directory] != nil
        for (path, node) in left.sorted(by: { $0.key < $1.key }) where state.isThere && path != directory {
            guard isIn(directory, path), left[DiskModel.parent(of: path)] != nil else { continue }
            let name = String(path.dropFirst(directory.utf8.count + 1))
            switch node {
            case .directory: state.directories.append(name)
            case .file(let id): state.files[name] = contents[id] ?? files[id]!.bytes { _ in false }
            }
        }
        return state
    }

    /// The files that have a name there which counts: what an unfinished file holds is of no interest.
    private func shownFiles(in directory: String) -> [Int] {
        var shown: Set<Int> = []
        for names in [names, durableNames] {
            for (path, node) in names where isIn(directory, path) && !path.hasSuffix(".tmp") {
                if case .file(let id) = node { shown.insert(id) }
            }
        }
        return shown.sorted()
    }

    private mutating func note(_ change: NameChange) {
        change.apply(to: &names)
        nameChanges.append(change)
    }

    private mutating func add(_ change: Change, to file: Int) {
        files[file]!.pieces.append(Piece(change: change))
    }

    private func isIn(_ directory: String, _ path: String) -> Bool {
        path == directory || path.hasPrefix("\(directory)/")
    }

    private static func parent(of path: String) -> String {
        String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }
}
