import CircleCI
import EventLog
import Usage
import Wire

/// Files of a usage export that are to be settled.
struct SettleRequest: Sendable {
    struct File: Sendable {
        /// What it is called in answers and errors.
        var name: String
        var path: String
        /// When CircleCI made it: of two exports that disagree, the later one counts.
        var exportedAt: Timestamp
    }

    var files: [File]
    /// The UTC days of which the files hold every run; nil: not known.
    var days: ClosedRange<Day>?
    /// When the export of the days was made; nil: when the first of its files was. An export may have no file.
    var exportedAt: Timestamp?
    /// Days that have no rows and runs that are known are closed only this long after the day that followed them; nil: at
    /// once.
    var correctionDays: Int32?
    /// Whether nothing is added.
    var isDryRun = false
}

/// How far a settlement is.
struct SettleProgress: Sendable {
    enum Phase: String, Sendable {
        /// For CircleCI.
        case waiting
        case downloading
        /// The whole file is read before anything of it is added.
        case checking
        case settling
    }

    var connection: String
    /// Or the days of an export that is waited for.
    var file: String
    var phase: Phase
    /// Of all files, as they are; each is read twice. Of one file, of unknown length, while it is downloaded.
    var bytes: Int
    var totalBytes: Int
    /// Of this file.
    var rows: Int
    /// When CircleCI is asked again, while it is waited for.
    var until: Timestamp?
}

/// What a settlement did.
struct SettleReport: Sendable {
    struct File: Sendable {
        var name: String
        var rows = 0
        /// Runs that were not settled before, among them those that nobody saw.
        var settled = 0
        /// Rows that say otherwise than another export.
        var corrected = 0
        /// Rows that a later export repeats.
        var confirmed = 0
        /// Rows that the log holds already.
        var known = 0
        /// Thousandths of a credit, of all rows.
        var credits = 0
        /// Why nothing of it was added.
        var error: UsageExportError?
    }

    var connection: String
    var files: [File] = []
    /// Days that are closed now.
    var days: ClosedRange<Day>?
    /// Days that the export was to close and did not: there were runs on the first of them, and it has no row.
    var openDays: ClosedRange<Day>?

    var isGood: Bool { files.allSatisfy { $0.error == nil } }
}

extension SettleProgress {
    /// `{"connection","file","phase","bytes","total_bytes","rows","until"}`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection)
            json.member("file", file)
            json.member("phase", phase.rawValue)
            json.member("bytes", bytes)
            json.member("total_bytes", totalBytes)
            json.member("rows", rows)
            if let until { json.member("until", until.description) }
        }
    }
}

extension SettleReport {
    /// `{"connection","files":[{"file","rows","settled","corrected","confirmed","known","credits","problem"}],
    /// "settled_days":{"from","to"}}`; credits in thousandths.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection)
            json.member(
                "files",
                array: { json in
                    for file in files { json.object { file.write(to: &$0) } }
                }
            )
            guard let days else { return }
            json.member("settled_days", object: { days.write(to: &$0) })
        }
    }
}

extension SettleReport.File {
    fileprivate func write(to json: inout JSONWriter) {
        json.member("file", name)
        json.member("rows", rows)
        json.member("settled", settled)
        json.member("corrected", corrected)
        json.member("confirmed", confirmed)
        json.member("known", known)
        json.member("credits", credits)
        guard let error else { return }
        json.member(
            "problem",
            object: { json in
                json.member("code", error.code.rawValue)
                json.member("message", error.description)
                json.member("line", error.line)
                json.member("column", error.column)
            }
        )
    }
}

extension ClosedRange<Day> {
    func write(to json: inout JSONWriter) {
        json.member("from", lowerBound.description)
        json.member("to", upperBound.description)
    }
}
