import Foundation
import Wire

/// Where a running service can be reached by commands on the same machine: `service.json` in its data directory, there
/// while it runs. That one runs is told by the log's lock, never by this file.
struct ServiceFile {
    let path: String

    init(_ directory: DataDirectory) {
        path = directory.service
    }

    func write(processID: Int32, webhookURL: String, dashboardURL: String) throws(MeterError) {
        var json = JSONWriter()
        json.object { json in
            json.member("process_id", Int(processID))
            json.member("webhook_url", webhookURL)
            json.member("dashboard_url", dashboardURL)
        }
        try PrivateFile.replace(path, with: json.bytes + [UInt8(ascii: "\n")])
    }

    /// The dashboard's URL; nil where there is no file.
    func dashboardURL() throws(MeterError) -> String? {
        guard let bytes = try PrivateFile.read(path, maximumBytes: 65_536) else { return nil }
        let object = (try? JSONSerialization.jsonObject(with: Data(bytes))) as? [String: Any]
        guard let url = object?["dashboard_url"] as? String else {
            throw MeterError(.unreadableFile, "The file names no dashboard", at: path)
        }
        return url
    }

    func remove() { unlink(path) }
}
