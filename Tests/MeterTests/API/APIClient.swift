import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Wire

@testable import Meter

/// Asks the dashboard's listener of a service, as its admin unless a header says otherwise.
struct APIClient: Sendable {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let bytes: [UInt8]

        var text: String { String(decoding: bytes, as: UTF8.self) }

        func json() throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
        }

        /// The code of an error; nil where it is none.
        var code: String? { ((try? json())?["error"] as? [String: Any])?["code"] as? String }
    }

    let live: LiveService

    func ask(
        _ method: HTTPMethod = .GET,
        _ path: String,
        _ headers: [(String, String)] = [],
        body: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: live.running.dashboardURL + path)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if !request.headers.contains(name: "authorization") {
            request.headers.add(name: "authorization", value: "Bearer \(try live.token)")
        }
        if let body { request.body = .bytes(ByteBuffer(string: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let answer = try await response.body.collect(upTo: 1 << 26)
        return Answer(status: Int(response.status.code), headers: response.headers, bytes: [UInt8](buffer: answer))
    }
}
