/// A server's bytes read strictly, answer by answer.
struct StrictAnswers {
    struct Answer: Equatable {
        var status: Int
        var body: String
    }

    /// Why the bytes are no answers to the requests.
    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    /// Final answers; those that ask for the body are counted apart.
    private(set) var answers: [Answer] = []
    private(set) var continueCount = 0

    /// - Parameter methods: The methods of the requests, in order: an answer to HEAD has no body.
    init(_ bytes: [UInt8], methods: [String]) throws(Malformed) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let end = rest.firstRange(of: [13, 10, 13, 10]) else { throw Malformed("an answer has no end", rest) }
            let lines = String(decoding: rest[..<end.lowerBound], as: UTF8.self).split(
                separator: "\r\n",
                omittingEmptySubsequences: false
            )
            let head = lines[0].split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard head.count == 3, head[0] == "HTTP/1.1", head[1].utf8.count == 3, let status = Int(head[1]) else {
                throw Malformed("no status line", rest)
            }
            var fields: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, !parts[0].isEmpty, parts[0].utf8.allSatisfy(ReferenceParser.isToken),
                    parts[1].utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f })
                else { throw Malformed("no header field: \(line)", rest) }
                guard fields.updateValue(String(parts[1].drop { $0 == " " }), forKey: parts[0].lowercased()) == nil
                else { throw Malformed("a header field comes twice: \(parts[0])", rest) }
            }
            rest = rest[end.upperBound...]
            if status == 100 {
                continueCount += 1
                continue
            }
            guard let length = fields["content-length"].flatMap({ Int($0) }), length >= 0 else {
                throw Malformed("an answer without a length", rest)
            }
            let isHead = answers.count < methods.count && methods[answers.count] == "HEAD"
            let count = isHead ? 0 : length
            guard rest.count >= count else { throw Malformed("an answer is cut short", rest) }
            answers.append(Answer(status: status, body: String(decoding: rest.prefix(count), as: UTF8.self)))
            rest = rest.dropFirst(count)
        }
    }
}

extension StrictAnswers.Malformed {
    fileprivate init(_ what: String, _ rest: ArraySlice<UInt8>) {
        self.init(description: "\(what): \(String(decoding: rest.prefix(300), as: UTF8.self))")
    }
}
