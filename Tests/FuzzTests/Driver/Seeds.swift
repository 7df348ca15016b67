import FakeCircleCI
import Foundation
import Wire

/// Inputs to start from, made up: what every target takes, and what it refuses only just.
enum Seeds {
    static func write(of target: FuzzTarget, into directory: String) throws {
        let inputs: [[UInt8]] =
            switch target {
            case .event, .json: bodies + json
            case .line: lines
            case .recovery: logs
            case .signature: headers
            case .usageExport: exports
            case .answer: answers
            case .query: queries
            }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (index, input) in inputs.enumerated() {
            try Data(input).write(to: URL(filePath: "\(directory)/seed-\(index)"))
        }
    }

    private static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    private static var history: FakeHistory {
        var options = FakeHistoryOptions(seed: 6, firstDay: Day(daysSinceEpoch: 20_780))
        options.dayCount = 1
        options.pipelinesPerDay = 2
        return FakeHistory(options: options)
    }

    private static var bodies: [[UInt8]] { history.deliveries.prefix(20).map(\.body) }

    private static let json = bytes([
        #"{"a":[1,-2.5e3,{"b":null}],"c":"d\u00e9\n\ud83d\ude00","é":true,"f":false}"#, "[1,]", "1e400", "\"\\/\"",
        "\u{feff}{}", "[[[[[[[[]]]]]]]]", " {\"a\" : \"\u{10ffff}\"}\r\n\t",
        #"{"type":"ping","id":"1","webhook":{"id":"2"}}"#,
        #"{"type":"connection-changed","id":"m1","happened_at":"2026-11-22T08:16:08.123Z","state":"expiring","#
            + #""reason":"7 days","since":"2026-11-22T08:00:00Z"}"#,
        #"{"type":"project-reconciled","id":"m2","happened_at":"2026-11-22T08:16:08Z","project":{"id":"p","slug":"#
            + #""github/o/r","name":"r"},"through":"2026-11-22T08:00:00Z","since":"2026-11-20T08:00:00Z","#
            + #""missing":[{"day":"2026-11-21","runs":1}],"numbers":[[1,9]]}"#,
        #"{"type":"job-settled","id":"export-0","exported_at":"2026-11-23T00:00:00Z","project":{"id":"p"},"job":{"id":"#
            + #""j","name":"b","started_at":"2026-11-22T08:00:00Z","stopped_at":"2026-11-22T08:01:00Z"},"usage":{"#
            + #""resource_class":"large","executor":"docker","seconds":60,"credits":{"compute":20000,"total":20000}}}"#,
        #"{"type":"usage-confirmed","exported_at":"2026-11-23T00:00:00Z","jobs":[{"id":"j","row":"0"}]}"#,
        #"{"type":"usage-settled","exported_at":"2026-11-23T00:00:00Z","from":"2026-11-01","to":"2026-11-22"}"#,
        #"{"type":"job-described","id":"d","job":{"id":"j","name":"b"},"usage":{"resource_class":"large","#
            + #""executor":"docker","parallelism":2}}"#,
        #"{"type":"rate-card-changed","happened_at":"2026-11-22T08:00:00Z","rate_card":{"format":1}}"#,
    ])

    private static let sealed = #","crc":"00000000"}"#

    private static let lines = bytes(
        [
            #""webhook","connection":"acme","signature":"v1=ab\"c\n\u001f","event":{"type":"ping" }"#,
            #""api","connection":"a-b_c","event":{"a":[1,2]}"#,
            #""export","connection":"1","event_base64":"bm90Cmpzb24=""#,
            #""meter","connection":"acme","event":7"#,
        ].map { #"{"sequence":1,"batch":1,"received_at":"2026-11-22T08:16:08.123Z","source":"# + $0 + sealed }
    )

    private static var logs: [[UInt8]] {
        func record(_ sequence: Int, _ batch: Int) -> String {
            #"{"sequence":\#(sequence),"batch":\#(batch),"received_at":"2026-11-22T08:16:08.123Z","source":"webhook","#
                + #""connection":"acme","event":{"id":"\#(sequence)"}"# + sealed
        }
        let header = #"{"circlemeter_log":1,"first_sequence":1,"created_at":"2026-11-22T08:16:08.123Z","previous":null"#
        let next =
            #"{"circlemeter_log":1,"first_sequence":4,"created_at":"2026-11-22T08:16:08.123Z","previous":"#
            + #"{"sequence":3,"offset":500,"crc":"01234567"}"#
        var inputs: [[UInt8]] = [
            [0, 0, 0] + Array("\(header)\(sealed)\n\(record(1, 1))\n\(record(2, 1))\n".utf8),
            [0, 0, 0] + Array("\(header)\(sealed)\n\(record(1, 1))\n\(record(2, 2))".utf8.dropLast(9)),
            [2, 0, 0] + Array("\(next)\(sealed)\n".utf8),
        ]
        for kind: UInt8 in [1, 2, 5, 6, 9, 10, 13, 14] {
            for position: UInt16 in [0, 60, 140, 300, 450, 65_535] {
                for text in [
                    "", "x", "\n", "\(record(6, 4))\n", "\(record(6, 4))\nbad\n\(record(8, 5))\n", "{\"sequence\":9",
                ] {
                    inputs.append([kind, UInt8(position & 0xff), UInt8(position >> 8)] + Array(text.utf8))
                }
            }
        }
        return inputs
    }

    private static let headers = bytes([
        "v1=%d\n{}", "v1=%D", "v0=a,v1=%d\n{\"a\":1}", " v1=%d\t, v1=%x", "v1=%x\nbody", "v1=%d0", "V1=%d", "v1 =%d",
        "",
        " ,\t", "v1=", "v1=%d,\nx", "v2=%d", "v1=%d v1=%d",
    ])

    private static var exports: [[UInt8]] {
        let day = Day(daysSinceEpoch: 20_780)
        var options = FakeUsageExport.Options(days: day...Day(daysSinceEpoch: 20_781))
        options.isOdd = true
        let export = FakeUsageExport(history, options: options)
        var rows: [String] = []
        export.rows { if rows.count < 5 { rows.append($0.line) } }
        let plain = bytes([
            "a,b\n1,\"x\"\"y\"\r\n\\N,z\r3,\\n\\t\\\\\n\n4,w", "a,b\n1,\"x", "\u{feff}a\n\"b\"c", "a,\"\n\"\n",
        ])
        let whole = export.header + "\n" + rows.joined(separator: "\n")
        var inputs: [[UInt8]] = [[3] + Array(whole.utf8), [5] + GzipWriter.compressed(Array("a,b\n1,2\n".utf8))]
        for (index, row) in rows.enumerated() { inputs.append([UInt8(8 + index % 8)] + Array(row.utf8)) }
        for (index, text) in plain.enumerated() { inputs.append([UInt8(index)] + text) }
        return inputs
    }

    private static let answers: [[UInt8]] = [
        #"{"id":"u","login":"SECRET","name":"n"}"#,
        #"[{"id":"o","vcs-type":"github","name":"SECRET","slug":"gh/SECRET"},{"vcs_type":"circleci"}]"#,
        #"{"id":"p","slug":"gh/o/r","name":"SECRET","organization_id":"o","organization_slug":"gh/o"}"#,
        #"[{"vcs_url":"https://github.com/o/SECRET"},{"vcs_type":"github","username":"o","reponame":"r"}]"#,
        #"{"items":[{"id":"i","number":1,"project_slug":"gh/o/r","created_at":"2026-11-22T08:16:08Z","state":"created","#
            + #""trigger":{"type":"webhook","actor":{"login":"SECRET"}},"vcs":{"branch":"main"}}],"next_page_token":null}"#,
        #"{"items":[{"id":"w","name":"SECRET","status":"success","created_at":"2026-11-22T08:16:08Z","stopped_at":null}]}"#,
        #"{"items":[{"id":"j","name":"n","type":"build","status":"SECRET","job_number":"7","started_at":"2026-11-22T08:16:08Z"}]}"#,
        #"{"number":1,"name":"n","status":"s","pipeline":{"id":"p"},"latest_workflow":{"id":"SECRET"},"executor":{"type":"docker"}}"#,
        #"{"items":[{"id":"h","name":"n","url":"https://SECRET","events":["job-completed"],"verify-tls":true,"scope":{"id":"p"}}]}"#,
        #"{"id":"w","name":"SECRET","status":"success","created_at":"2026-11-22T08:16:08Z"}"#, "<html>SECRET</html>",
    ].enumerated().map { [UInt8($0)] + Array($1.utf8) }

    private static let queries = bytes([
        "", "from=2026-11-01&to=2026-11-30&group_by=project,branch&compare=true", "period=last-30-days&connection=acme",
        "table=jobs&limit=10&offset=20", "month=2026-11", "group_by=job&project=github%2Fo%2Fr", "all=1", "from=",
        "from=1&from=2", "connection=%zz", "a=%00&b=%ff&c=%C3%A9", "source=webhook&type=ping&status=failed&before=9",
        "run=x&after=0&limit=1000", "project=a%26b%3Dc+d&type=%23", "group_by=month,workflow&compare=off",
    ])
}
