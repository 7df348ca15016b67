import HTTPTypes
import NIOCore
import Wire

/// What is said to the sender of a delivery.
enum DeliveryAnswer: Sendable {
    case accepted(sequence: Int)
    case duplicate
    case quarantined
    case refused(HTTPProblem)

    var status: HTTPResponse.Status {
        switch self {
        case .accepted, .duplicate: .ok
        case .quarantined: .accepted
        case .refused(let problem): problem.status
        }
    }

    /// Appends the whole answer to `bytes`, in HTTP/1.1.
    ///
    /// - Parameter isForHead: Whether HEAD was asked: the length then is what GET would send.
    func append(to bytes: inout ByteBuffer, at now: Timestamp, isForHead: Bool = false) {
        let body = body
        bytes.writeStaticString("HTTP/1.1 ")
        bytes.writeString(String(status.code))
        bytes.writeStaticString(" ")
        bytes.writeString(status.reasonPhrase)
        bytes.writeStaticString("\r\nContent-Type: application/json\r\nContent-Length: ")
        bytes.writeString(String(body.utf8.count))
        if case .refused(let problem) = self {
            for field in problem.headers {
                bytes.writeStaticString("\r\n")
                bytes.writeString(field.name.rawName)
                bytes.writeStaticString(": ")
                bytes.writeString(field.value)
            }
        }
        bytes.writeStaticString("\r\nDate: ")
        HTTPDate.append(now, to: &bytes)
        bytes.writeStaticString("\r\n\r\n")
        if !isForHead { bytes.writeString(body) }
    }

    private var body: String {
        switch self {
        case .accepted(let sequence): "{\"status\":\"accepted\",\"sequence\":\(sequence)}"
        case .duplicate: #"{"status":"duplicate"}"#
        case .quarantined: #"{"status":"quarantined"}"#
        case .refused(let problem): String(decoding: problem.body, as: UTF8.self)
        }
    }
}
