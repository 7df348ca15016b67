import Foundation
import Glibc
import TestSupport

/// A file system of a few MiB that a test has mounted, and takes away whatever happens.
final class SmallDisk: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Where it is mounted.
    let path: String
    private let directory: TemporaryDirectory
    /// What its bytes lie in; nil for memory.
    private let device: LoopDevice?

    /// In memory, which refuses writes with `ENOSPC` when it is full.
    init(memoryBytes: Int) throws {
        directory = TemporaryDirectory()
        path = directory.path("disk")
        device = nil
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try SmallDisk.run("mount", "-t", "tmpfs", "-o", "size=\(memoryBytes),mode=0700", "tmpfs", path)
    }

    /// On a device, whose writes fail when what is below it is full.
    init(on device: LoopDevice) throws {
        directory = TemporaryDirectory()
        path = directory.path("disk")
        self.device = device
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        try SmallDisk.run("mount", device.path, path)
    }

    deinit {
        guard (try? SmallDisk.run("umount", path)) == nil else { return }
        // What a failed test has left open must not keep it.
        _ = try? SmallDisk.run("umount", "-l", path)
    }

    /// Takes all room but for about so many bytes.
    func fill(leaving bytes: Int) {
        let descriptor = open("\(path)/filler", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let chunk = [UInt8](repeating: 7, count: 4096)
        while freeBytes > bytes, write(descriptor, chunk, chunk.count) > 0 {}
    }

    func free() { unlink("\(path)/filler") }

    private var freeBytes: Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return 0 }
        return Int(status.f_bavail) * Int(status.f_frsize)
    }

    /// Whether this machine lets tests mount. A process without the right would have to ask for a namespace of its own.
    static let isAllowed = (try? SmallDisk(memoryBytes: 1 << 20)) != nil

    /// Runs a program of the system.
    /// - Returns: what it said.
    @discardableResult
    static func run(_ arguments: String...) throws -> String {
        let path = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        let (status, said) = try Program.run("/usr/bin/env", arguments, environment: path)
        guard status == 0 else {
            throw Failure(description: "\(arguments.joined(separator: " ")): \(said)")
        }
        return said.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A loop device of this test's own over a file on a disk that can be full: then the device fails.
final class LoopDevice: Sendable {
    /// As in `/dev/loop0`.
    let path: String
    /// What the device's bytes lie on.
    let below: SmallDisk

    /// A file system of `byteCount` over less memory.
    init(byteCount: Int, over below: SmallDisk) throws {
        self.below = below
        let file = "\(below.path)/device"
        try SmallDisk.run("truncate", "-s", "\(byteCount)", file)
        path = try SmallDisk.run("losetup", "-f", "--show", file)
        do {
            // Linux says of a write that went half through that all of it is done (`lo_complete_rq` looks for short reads
            // only): such a device lies about a sync, and nobody can keep a promise on it. A request of one page cannot
            // go half through.
            let queue = "/sys/block/\(path.dropFirst("/dev/".count))/queue/max_sectors_kb"
            try Data("4".utf8).write(to: URL(filePath: queue), options: [])
            try SmallDisk.run(
                "mkfs.ext4",
                "-q",
                "-m",
                "0",
                "-b",
                "4096",
                "-J",
                "size=4",
                "-E",
                "lazy_itable_init=1",
                path
            )
        } catch {
            _ = try? SmallDisk.run("losetup", "-d", path)
            throw error
        }
    }

    deinit { _ = try? SmallDisk.run("losetup", "-d", path) }

    /// What a person does before such a disk is used again.
    func check() { _ = try? SmallDisk.run("e2fsck", "-y", "-f", path) }

    static let isAllowed =
        SmallDisk.isAllowed
        && (try? LoopDevice(byteCount: 64 << 20, over: SmallDisk(memoryBytes: 32 << 20))) != nil
}
