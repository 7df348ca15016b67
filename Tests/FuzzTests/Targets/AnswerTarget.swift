import Foundation
import NIOHTTP1
import Wire

@testable import CircleCI

/// An answer of the API is read or is an `unexpected_answer`; what is read is what Foundation reads; and no error shows a
/// value of the answer.
///
/// The input is a byte that says what was asked for, and the body. `SECRET` is in no name.
enum AnswerTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        guard let choice = bytes.first else { return }
        let body = Array(bytes.dropFirst())
        let answer = APIAnswer(status: 200, headers: HTTPHeaders(), body: body, location: "/api/v2/x")
        do throws(CircleCIError) {
            try read(answer, choice)
        } catch {
            try require(error.code == .unexpectedAnswer, "an answer that is read wrongly is \(error.code)")
            try require(!"\(error)".contains("SECRET"), "an error shows a value: \(error)")
        }
        try checkWorkflow(answer)
    }

    private static func read(_ answer: APIAnswer, _ choice: UInt8) throws(CircleCIError) {
        switch choice % 9 {
        case 0: _ = try APIUser(answer.object())
        case 1: for item in try answer.list() { _ = try APIOrganization(item) }
        case 2: _ = try APIProject(answer.object())
        case 3: for item in try answer.list() { _ = try APIProject.followedSlug(item) }
        case 4: for item in try answer.items() { _ = try APIPipeline(item) }
        case 5: for item in try answer.items() { _ = try APIWorkflow(item) }
        case 6: for item in try answer.items() { _ = try APIJob(item) }
        case 7: _ = try APIJobDetails(answer.object())
        default: for item in try answer.items() { _ = try APIWebhook(item) }
        }
    }

    private static func checkWorkflow(_ answer: APIAnswer) throws {
        guard let workflow = try? APIWorkflow(answer.object()) else { return }
        let value = answer.body.withUnsafeBytes { FoundationJSON($0).value }
        // A number that Foundation cannot hold may stand beside what is asked for.
        guard let object = value as? [String: Any] else { return }
        for (name, text) in ["id": workflow.id, "name": workflow.name, "status": workflow.status] {
            let expected = object[name] as? String
            try require(expected.map { Array($0.utf8) == Array(text.utf8) } ?? false, "\(name) is not Foundation's")
        }
        try require(
            (object["created_at"] as? String).flatMap { Timestamp($0) } == workflow.createdAt,
            "created_at is not Foundation's"
        )
    }
}

extension APIAnswer {
    fileprivate func items() throws(CircleCIError) -> [APIObject] {
        let page = try object()
        _ = page.optionalText("next_page_token")
        return try page.list("items")
    }
}
