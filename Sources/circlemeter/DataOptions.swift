import ArgumentParser
import Foundation
import Meter

/// Where the data is; every command needs it.
struct DataOptions: ParsableArguments {
    @Option(
        name: .customLong("data-dir"),
        help: "The data directory (or CIRCLEMETER_DATA_DIR).",
        completion: .directory
    )
    var dataDirectory: String?

    /// The directory that was named.
    func directory() throws -> DataDirectory {
        if let path = dataDirectory ?? ProcessInfo.processInfo.environment["CIRCLEMETER_DATA_DIR"], !path.isEmpty {
            return DataDirectory(path)
        }
        throw CommandFailure.misuse(
            "no data directory given",
            hint: "name one with --data-dir or CIRCLEMETER_DATA_DIR"
        )
    }

    /// The directory, which must be there already.
    func existingDirectory() throws -> DataDirectory {
        let directory = try directory()
        guard FileManager.default.fileExists(atPath: directory.log) else {
            throw CommandFailure.found(
                "there is no log in \(directory.path)",
                hint: "is this the data directory? `circlemeter serve --data-dir DIR` makes one"
            )
        }
        return directory
    }
}
