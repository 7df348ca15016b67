import Foundation

/// What the measurements were taken on.
struct Machine: Encodable {
    var processor: String
    var cores: Int
    var memoryBytes: UInt64
    var kernel: String
    /// Of the disk that holds the log.
    var fileSystem: String
    /// What else it had to do: processes that ran or wanted to, over the minute before.
    var loadAverage: Double

    static func this(directory: String) -> Machine {
        let information = ProcessInfo.processInfo
        let processor = lines("/proc/cpuinfo").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }
        return Machine(
            processor: processor.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown processor",
            cores: information.activeProcessorCount,
            memoryBytes: information.physicalMemory,
            kernel: "Linux " + (lines("/proc/sys/kernel/osrelease").first ?? ""),
            fileSystem: fileSystem(of: directory),
            loadAverage: lines("/proc/loadavg").first?.split(separator: " ").first.flatMap { Double($0) } ?? 0
        )
    }

    var description: String {
        "\(processor), \(cores) cores, \(memoryBytes >> 30) GiB of memory, \(fileSystem), \(kernel); "
            + (loadAverage < 0.5 * Double(cores) ? "quiet" : "BUSY") + ", load \(loadAverage) before"
    }

    /// The type of the longest mount point above `path`: on tmpfs, syncs would cost nothing.
    private static func fileSystem(of path: String) -> String {
        let path = URL(filePath: path).resolvingSymlinksInPath().path + "/"
        var longest = (mount: "", type: "unknown file system")
        for line in lines("/proc/self/mounts") {
            let fields = line.split(separator: " ")
            guard fields.count > 2 else { continue }
            let mount = fields[1] == "/" ? "/" : fields[1] + "/"
            if path.hasPrefix(mount), mount.count > longest.mount.count { longest = (mount, String(fields[2])) }
        }
        return longest.type
    }

    private static func lines(_ path: String) -> [String] {
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }
}

/// What was measured. Calls block.
enum Versions {
    static func read(_ program: Circlemeter) throws -> [String: String] {
        struct Version: Decodable { var circlemeter: String }
        var versions = ["circlemeter": try program.json(Version.self, ["version", "--json"]).circlemeter]
        versions["Swift"] = swift(program.stage)
        for (name, identity) in [("Hummingbird", "hummingbird"), ("SwiftNIO", "swift-nio")] {
            versions[name] = resolved(identity)
        }
        return versions
    }

    private static func swift(_ stage: Stage) -> String? {
        guard let path = Command.find("swift"),
            let output = try? Command(path, ["--version"], stage: stage).output()
        else { return nil }
        let words = String(decoding: output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard let index = words.firstIndex(of: "version"), index + 1 < words.count else { return nil }
        return String(words[index + 1])
    }

    /// From the `Package.resolved` of the working directory; nil where there is none.
    private static func resolved(_ identity: String) -> String? {
        struct Resolved: Decodable {
            struct Pin: Decodable {
                struct State: Decodable { var version: String? }
                var identity: String
                var state: State
            }
            var pins: [Pin]
        }
        guard let bytes = FileManager.default.contents(atPath: "Package.resolved"),
            let resolved = try? JSONDecoder().decode(Resolved.self, from: bytes)
        else { return nil }
        return resolved.pins.first { $0.identity == identity }?.state.version
    }
}
