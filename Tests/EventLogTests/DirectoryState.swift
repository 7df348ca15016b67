import Glibc

/// A directory's files and the directories in it, as bytes.
struct DirectoryState: Hashable, Sendable {
    /// By their paths in the directory.
    var files: [String: [UInt8]] = [:]
    /// In order, those above before those below.
    var directories: [String] = []
    /// Whether the directory itself is there.
    var isThere = true

    init() {}

    /// What a directory holds now.
    init(_ directory: String) {
        for name in Files.names(directory) {
            let path = "\(directory)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            guard status.st_mode & S_IFMT == S_IFDIR else {
                files[name] = Files.bytes(path)
                continue
            }
            directories.append(name)
            for (below, bytes) in DirectoryState(path).files { files["\(name)/\(below)"] = bytes }
        }
    }

    func write(to directory: String) {
        guard isThere else { return }
        mkdir(directory, 0o700)
        for name in directories { mkdir("\(directory)/\(name)", 0o700) }
        for (name, bytes) in files { Files.write(bytes, to: "\(directory)/\(name)") }
    }
}
