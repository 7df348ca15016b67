import Glibc

/// Whole files as bytes, for tests that change them.
enum Files {
    static func bytes(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { fatalError("\(path) cannot be read") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    static func write(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "w") else { fatalError("\(path) cannot be written") }
        defer { fclose(file) }
        guard fwrite(bytes, 1, bytes.count, file) == bytes.count else { fatalError("\(path) cannot be written") }
    }

    /// Writes over the byte at `offset`.
    static func patch(_ path: String, at offset: Int, _ byte: UInt8) {
        let file = open(path, O_WRONLY)
        defer { close(file) }
        guard withUnsafeBytes(of: byte, { pwrite(file, $0.baseAddress, 1, off_t(offset)) }) == 1 else {
            fatalError("\(path) cannot be written")
        }
    }

    static func names(_ directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func mode(_ path: String) -> UInt32 {
        var status = stat()
        guard lstat(path, &status) == 0 else { fatalError("\(path) is not there") }
        return status.st_mode & 0o7777
    }

    static func remove(_ path: String) {
        guard unlink(path) == 0 else { fatalError("\(path) cannot be removed") }
    }
}
