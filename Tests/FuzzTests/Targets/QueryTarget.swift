import HTTPTypes
import Hummingbird
import NIOCore
import Usage
import Wire

@testable import Meter

/// A query is a question or an `invalid_parameter`; and written as an address again it is the same question.
enum QueryTarget {
    private static let today = Day(daysSinceEpoch: 20_784)

    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        let query = String(decoding: bytes, as: UTF8.self)
        let given = try refusing { () throws(MeterError) in try QueryTarget.values("/?" + query) }
        guard let values = given else { return }
        for name in Report.Name.allCases {
            try checkAgain(values) { values throws(MeterError) in
                let report = try Report(name, values, today: today)
                return [report.range, report.limit, report.offset, report.filter] as [AnyHashable]
            }
        }
        try checkAgain(values) { values throws(MeterError) in "\(try LogQuery(values))" }
        try checkAgain(values) { values throws(MeterError) in try SnapshotFilter(values) }
    }

    private static func values(_ path: String) throws(MeterError) -> [String: String] {
        let head = HTTPRequest(method: .get, scheme: nil, authority: nil, path: path)
        return try ReportsAPI.values(of: Request(head: head, body: RequestBody(buffer: ByteBuffer())))
    }

    private static func checkAgain<Question: Equatable>(
        _ values: [String: String],
        _ question: ([String: String]) throws(MeterError) -> Question
    ) throws {
        guard let first = try refusing({ () throws(MeterError) in try question(values) }) else { return }
        let address = path(values, under: "/", adding: [:])
        let again = try QueryTarget.values(address)
        try require(again == values.filter { !$0.value.isEmpty }, "\(address) holds other values")
        try require(path(again, under: "/", adding: [:]) == address, "\(address) is written in another way again")
        try require(try question(again) == first, "\(address) is another question")
    }

    /// Nil where the question is refused as it should be.
    private static func refusing<Value>(_ ask: () throws(MeterError) -> Value) throws -> Value? {
        do throws(MeterError) { return try ask() } catch {
            try require(error.code == .invalidParameter, "a query is refused as \(error.code)")
            return nil
        }
    }
}
