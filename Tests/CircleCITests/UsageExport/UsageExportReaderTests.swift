import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

@testable import CircleCI

struct UsageExportReaderTests {
    private static let history: FakeHistory = {
        var options = FakeHistoryOptions(seed: 5, firstDay: Day("2026-09-01")!)
        options.dayCount = 3
        options.oddities = .usual
        options.oddities.oddNames = 0.2
        return FakeHistory(options: options)
    }()
    private static let days = Day("2026-09-01")!...Day("2026-09-20")!

    @Test(arguments: [false, true])
    func `every row of an export is read as it is meant`(_ isOdd: Bool) throws {
        var options = FakeUsageExport.Options(days: UsageExportReaderTests.days)
        options.isOdd = isOdd
        let export = FakeUsageExport(UsageExportReaderTests.history, options: options)
        var text = export.header
        var usages: [TrueUsage] = []
        export.rows {
            text += $0.line
            usages.append($0.usage)
        }
        #expect(usages.count > 200)
        let reader = try UsageExportReader(name: "e", read: source(Array(text.utf8), chunk: 1 << 12))
        for usage in usages {
            #expect(try reader.next())
            #expect(reader.jobID == usage.jobID && reader.day == usage.day)
            #expect(Int(reader.totalCredits) == usage.totalCredits)
            let event = SettlementEvent(reader, exportedAt: Timestamp(microseconds: 1000))
            try event.body.withUnsafeBytes { body in
                let read = try EventScanner.event(in: body)
                let credits = (read.usage?.credits ?? []).map { ($0.feature.string(in: body), Int($0.thousandths)) }
                #expect(Dictionary(uniqueKeysWithValues: credits) == usage.credits)
                #expect(read.kind == .jobSettled && read.job.id?.string(in: body) == usage.jobID)
                #expect(read.job.name?.string(in: body) == (usage.jobName.isEmpty ? nil : usage.jobName))
                #expect(read.usage?.resourceClass?.string(in: body) == usage.resourceClass)
                #expect(read.usage?.cpu.maximum == usage.cpu.map { Int64($0.maximum) })
                #expect(read.usage?.userID?.string(in: body) == usage.userID)
                #expect(read.usage?.isUnregistered == usage.isUnregistered)
                #expect(read.exportedAt == Timestamp(microseconds: 1000))
            }
            #expect(String(decoding: event.body, as: UTF8.self).contains("CARBON_GRAMS") == isOdd)
        }
        #expect(try !reader.next())
    }

    @Test func `the content id follows from what the row says alone`() throws {
        func id(_ change: (inout String) -> Void, at time: Int64 = 1) throws -> UInt128 {
            var text = UsageExportReaderTests.small()
            change(&text)
            let reader = try UsageExportReader(name: "e", read: source(Array(text.utf8), chunk: 100))
            _ = try reader.next()
            return SettlementEvent(reader, exportedAt: Timestamp(microseconds: time)).contentID
        }
        let plain = try id { _ in }
        #expect(try id({ _ in }, at: 99) == plain)
        #expect(try id { $0 = $0.replacingFirst("medium,", "\"medium\",") } == plain)
        #expect(try id { $0 = $0.replacingFirst("10.5", "1.05E1") } == plain)
        #expect(try id { $0 = $0.replacingFirst("10.5", "10.501") } != plain)
        #expect(try id { $0 = $0.replacingFirst("medium,", "large,") } != plain)
    }

    private static let mistakes: [(old: String, new: String, UsageExportError.Code, line: Int, column: String?)] = [
        ("JOB_ID,", "JOB_IDENTITY,", UsageExportError.Code.missingColumn, 1, "JOB_ID"),
        ("DLC_CREDITS,", "", .missingColumn, 1, "DLC_CREDITS"),
        ("EXECUTOR,", "EXECUTOR,executor,", .repeatedColumn, 1, "EXECUTOR"),
        ("j-1,", "\\N,", .missingJobID, 2, "JOB_ID"),
        ("j-1,", ",", .missingJobID, 2, "JOB_ID"),
        ("2026-09-01 10:00:00", "yesterday", .badValue, 2, "PIPELINE_CREATED_AT"),
        ("2026-09-01 10:00:00", "\\N", .badValue, 2, "PIPELINE_CREATED_AT"),
        ("10.5", "ten", .badValue, 2, "COMPUTE_CREDITS"),
        ("10.5", "1e99", .badValue, 2, "COMPUTE_CREDITS"),
        (",11", ",11,12", .fieldCount, 2, nil),
    ]

    @Test(arguments: mistakes)
    func `a mistake is named with line and column`(
        _ old: String,
        _ new: String,
        _ code: UsageExportError.Code,
        _ line: Int,
        _ column: String?
    ) {
        let text = UsageExportReaderTests.small().replacingFirst(old, new)
        let error = #expect(throws: UsageExportError.self) {
            let reader = try UsageExportReader(name: "e.csv", read: source(Array(text.utf8), chunk: 7))
            while try reader.next() {}
        }
        #expect(error?.code == code && error?.line == line && error?.column == column, "\(String(describing: error))")
        #expect(error?.description.hasPrefix("e.csv:\(line)") == true)
    }

    @Test(arguments: [
        ("0", 0), ("12", 12_000), ("12.3456", 12_346), ("0.0005", 1), ("0.00049999", 0), ("-0.5", -500), ("+3", 3000),
        ("1.2345E2", 123_450), ("25e-3", 25), ("1e-30", 0), (".5", 500), ("7.", 7000), ("0.12345678901234567890", 123),
    ])
    func `credits are read to the thousandth, half away from zero`(_ text: String, _ thousandths: Int64) {
        #expect(Array(text.utf8).withUnsafeBytes { ExportCells.thousandths($0) } == thousandths)
    }

    @Test(arguments: ["", ".", "-", "1.2.3", "1e", "0x1", "1,5", "99999999999999999999", " 1", "NaN", "1000000001"])
    func `what is no number is none`(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { ExportCells.thousandths($0) } == nil)
    }

    private static func small() -> String {
        """
        PROJECT_ID,PIPELINE_CREATED_AT,JOB_NAME,JOB_ID,RESOURCE_CLASS,EXECUTOR,COMPUTE_CREDITS,DLC_CREDITS,USER_CREDITS,\
        STORAGE_CREDITS,NETWORK_CREDITS,LEASE_CREDITS,LEASE_OVERAGE_CREDITS,IPRANGES_CREDITS,TOTAL_CREDITS
        p-1,2026-09-01 10:00:00,build,j-1,medium,docker,10.5,0,\\N,0.5,,0,0,0,11

        """
    }
}

extension String {
    fileprivate func replacingFirst(_ old: String, _ new: String) -> String {
        guard let range = firstRange(of: old) else { return self }
        return replacingCharacters(range, new)
    }

    private func replacingCharacters(_ range: Range<String.Index>, _ new: String) -> String {
        self[..<range.lowerBound] + new + self[range.upperBound...]
    }
}
