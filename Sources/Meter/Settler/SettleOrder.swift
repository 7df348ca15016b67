package import Foundation
import Glibc
package import Wire

/// What a service is to settle, told to it as JSON: files of a usage export, which are named and laid into its data
/// directory, or without files what CircleCI's API exports.
package struct SettleOrder: Codable, Sendable {
    package struct File: Codable, Sendable {
        /// What it is called in answers and errors.
        package var name: String
        /// Its name in `exports/incoming`.
        package var file: String
        /// A time.
        package var exported_at: String
    }

    package var files: [File] = []
    package var from: String?
    package var to: String?
    package var dry_run: Bool?

    package init() {}

    /// Every member may be left out.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        files = try container.decodeIfPresent([File].self, forKey: .files) ?? []
        from = try container.decodeIfPresent(String.self, forKey: .from)
        to = try container.decodeIfPresent(String.self, forKey: .to)
        dry_run = try container.decodeIfPresent(Bool.self, forKey: .dry_run)
    }

    init(json: [UInt8]) throws(MeterError) {
        do {
            self = try JSONDecoder().decode(SettleOrder.self, from: Data(json))
        } catch {
            throw SettleOrder.invalid("The body is no order to settle", hint: "use circlemeter settle")
        }
    }

    package var json: Data { (try? JSONEncoder().encode(self)) ?? Data("{}".utf8) }

    /// Lays a file into the data directory: a second name for it where that can be, else a copy.
    /// - Throws: `unreadable_file`, `unwritable_file`.
    package mutating func add(
        _ path: String,
        name: String,
        exportedAt: Timestamp,
        in directory: DataDirectory
    ) throws(MeterError) {
        guard let path = SettleOrder.regularFile(path) else {
            throw MeterError(.unreadableFile, "It is no file that can be read", at: name)
        }
        let incoming = SettleOrder.incoming(directory)
        try PrivateFile.makeDirectory(directory.exports)
        try PrivateFile.makeDirectory(incoming)
        let file = "\(Hex.encode(Randomness.bytes(8))).csv"
        let target = "\(incoming)/\(file)"
        if link(path, target) != 0 {
            do {
                try FileManager.default.copyItem(atPath: path, toPath: target)
                chmod(target, PrivateFile.mode)
            } catch {
                throw MeterError(.unreadableFile, "The file cannot be copied into the data directory", at: path)
            }
        }
        files.append(File(name: name, file: file, exported_at: exportedAt.description))
    }

    /// Where a path leads, if that is a regular file: a pipe would hold up the connection's settlements for good.
    package static func regularFile(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        let file = String(cString: resolved)
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        return attributes?[.type] as? FileAttributeType == .typeRegular ? file : nil
    }

    /// Takes back the files that were laid into the data directory.
    package func removeFiles(in directory: DataDirectory) {
        for file in files where SettleOrder.isName(file.file) {
            unlink("\(SettleOrder.incoming(directory))/\(file.file)")
        }
    }

    /// Removes what a crash left: whoever laid a file there has it still.
    static func removeLeftovers(in directory: DataDirectory) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: incoming(directory))) ?? []
        for name in names { unlink("\(incoming(directory))/\(name)") }
    }

    /// - Parameter now: no export can have been made later.
    func request(in directory: DataDirectory, now: Timestamp) throws(MeterError) -> SettleRequest {
        var request = SettleRequest(files: [], isDryRun: dry_run ?? false)
        for file in files {
            guard SettleOrder.isName(file.file), let exportedAt = Timestamp(file.exported_at) else {
                throw SettleOrder.invalid("A file of the order has no usable name or time")
            }
            // It would count before every export that is really made until then.
            guard exportedAt.seconds(since: now) < SettleOrder.clockToleranceSeconds else {
                throw MeterError(
                    .invalidParameter,
                    "The export is said to have been made at \(exportedAt), which is in the future",
                    at: file.name,
                    hint: "say when CircleCI made it: --exported-at"
                )
            }
            request.files.append(
                SettleRequest.File(
                    name: file.name,
                    path: "\(SettleOrder.incoming(directory))/\(file.file)",
                    exportedAt: exportedAt
                )
            )
        }
        request.days = try days
        return request
    }

    private var days: ClosedRange<Day>? {
        get throws(MeterError) {
            switch (from, to) {
            case (nil, nil): return nil
            case (let from?, let to?):
                guard let first = Day(from), let last = Day(to), first <= last,
                    last.daysSinceEpoch - first.daysSinceEpoch <= 366
                else { throw SettleOrder.invalid("'from' and 'to' are not two days in order, a year apart at most") }
                return first...last
            default: throw SettleOrder.invalid("'from' and 'to' go together")
            }
        }
    }

    /// What is to be asked of CircleCI, of an order without files.
    func exportRequest(at now: Timestamp) throws(MeterError) -> ExportRequest {
        let request = ExportRequest(days: try days, isByHand: true)
        let possible = ExportPlan.possibleDays(now)
        if let days = request.days, !days.overlaps(possible) {
            throw SettleOrder.invalid(
                "CircleCI has no usage export of these days yet, or no longer",
                hint: "there are exports of \(possible.lowerBound) to \(possible.upperBound)"
            )
        }
        return request
    }

    /// Clocks of two machines differ a little.
    private static let clockToleranceSeconds = 300.0

    private static func incoming(_ directory: DataDirectory) -> String { "\(directory.exports)/incoming" }

    /// Nothing that leads elsewhere.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || $0 == UInt8(ascii: ".")
            } && !text.hasPrefix(".")
    }

    private static func invalid(_ message: String, hint: String? = nil) -> MeterError {
        MeterError(.invalidConnection, message, hint: hint)
    }
}
