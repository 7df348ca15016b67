import NIOCore
import Testing

@testable import Meter

@Suite("A connection's requests, step by step")
struct ReceptionTests {
    private static let small = {
        var limits = ReceiverLimits()
        limits.maximumBodyBytes = 100
        limits.maximumRequestLineBytes = 50
        limits.maximumHeaderCount = 3
        limits.maximumHeaderBytes = 80
        limits.receiveTime = .seconds(10)
        limits.idleTime = .seconds(4)
        limits.lingerTime = .seconds(1)
        return limits
    }()

    private static func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .seconds(seconds) }

    private var reception = Reception(limits: ReceptionTests.small, now: ReceptionTests.at(0))

    private mutating func head(_ bodyBytes: Int? = nil, at seconds: Int64) -> Reception.Action {
        reception.receivedBytes(40, lineFeed: 20, at: Self.at(seconds))
        return reception.receivedHead(
            requestLineBytes: 20,
            headerCount: 1,
            headerBytes: 20,
            bodyBytes: bodyBytes,
            at: Self.at(seconds)
        )
    }

    @Test("Head, body, end, answer: and the next request")
    mutating func keepAlive() {
        for start in stride(from: Int64(1), to: 100, by: 3) {
            #expect(head(3, at: start) == .proceed)
            #expect(reception.receivedBody(3) == .proceed)
            reception.receivedEnd(at: Self.at(start))
            #expect(reception.deadline == nil, "an answer takes its time")
            reception.startedAnswer()
            #expect(reception.finishedAnswer(at: Self.at(start + 1)) == .proceed)
            #expect(reception.deadline == Self.at(start + 5))
        }
    }

    @Test("Headers that drip in keep the connection from being idle, and run out of the time for a request")
    mutating func drip() {
        for second in Int64(0)..<10 {
            reception.receivedBytes(1, lineFeed: nil, at: Self.at(second))
            #expect(reception.reached(Self.at(second)) == .proceed)
        }
        #expect(reception.deadline == Self.at(10))
        #expect(reception.reached(Self.at(10)) == .answer(.timeout))
        #expect(reception.deadline == Self.at(11))
        #expect(reception.reached(Self.at(11)) == .close)
    }

    @Test("A body that drips in runs out of the same time, which began with the request's first byte")
    mutating func dripBody() {
        #expect(head(100, at: 1) == .proceed)
        for second in Int64(1)..<11 {
            reception.receivedBytes(1, lineFeed: nil, at: Self.at(second))
            #expect(reception.receivedBody(1) == .proceed)
            #expect(reception.reached(Self.at(second)) == .proceed)
        }
        #expect(reception.reached(Self.at(11)) == .answer(.timeout))
    }

    @Test("A request that stalls is timed out when it has been idle for long enough")
    mutating func stall() {
        #expect(head(100, at: 1) == .proceed)
        #expect(reception.deadline == Self.at(5))
        #expect(reception.reached(Self.at(4)) == .proceed)
        #expect(reception.reached(Self.at(5)) == .answer(.timeout))
    }

    @Test("Between requests an idle connection is closed without a word")
    mutating func idle() {
        #expect(reception.deadline == Self.at(4))
        #expect(reception.reached(Self.at(3)) == .proceed)
        #expect(reception.reached(Self.at(4)) == .close)
        #expect(reception.isRefused)
        #expect(!reception.takesAnswers)
    }

    @Test("The time of a request that came together with the end of another begins with it")
    mutating func pipelinedTime() {
        #expect(head(100, at: 1) == .proceed)
        for second in Int64(2)..<9 {
            reception.receivedBytes(1, lineFeed: nil, at: Self.at(second))
            #expect(reception.receivedBody(1) == .proceed)
        }
        reception.receivedBytes(80, lineFeed: nil, at: Self.at(9))
        reception.receivedEnd(at: Self.at(9))
        let second = reception.receivedHead(
            requestLineBytes: 20,
            headerCount: 1,
            headerBytes: 20,
            bodyBytes: 100,
            at: Self.at(9)
        )
        #expect(second == .proceed)
        #expect(reception.deadline == Self.at(13))
    }

    @Test("A refusal waits for the answers to the requests before it")
    mutating func pipelined() {
        #expect(head(at: 1) == .proceed)
        reception.receivedEnd(at: Self.at(1))
        #expect(head(at: 1) == .proceed)
        reception.receivedEnd(at: Self.at(1))
        reception.receivedBytes(5, lineFeed: nil, at: Self.at(1))
        #expect(reception.failedParsing(isOverflow: false, isEndOfInput: false) == .proceed)
        #expect(reception.isRefused)
        #expect(reception.takesAnswers)
        reception.startedAnswer()
        #expect(reception.finishedAnswer(at: Self.at(2)) == .proceed)
        reception.startedAnswer()
        #expect(reception.finishedAnswer(at: Self.at(2)) == .answer(.malformed))
        #expect(!reception.takesAnswers)
    }

    @Test("A body refused after an early answer gets no second answer")
    mutating func earlyAnswer() {
        #expect(head(at: 1) == .proceed)
        reception.startedAnswer()
        #expect(reception.finishedAnswer(at: Self.at(1)) == .proceed)
        #expect(reception.receivedBody(100) == .proceed)
        #expect(reception.receivedBody(1) == .linger)
        #expect(reception.isLingering)
    }

    @Test("A body refused while its answer is being written gets no second answer")
    mutating func answerUnderWay() {
        #expect(head(at: 1) == .proceed)
        reception.startedAnswer()
        #expect(reception.receivedBody(101) == .linger)
    }

    @Test("Each limit holds at its value and not one beyond")
    func limits() {
        func answer(_ line: Int, _ count: Int, _ bytes: Int, _ body: Int?) -> Reception.Action {
            var reception = Reception(limits: Self.small, now: Self.at(0))
            reception.receivedBytes(10, lineFeed: 1, at: Self.at(0))
            return reception.receivedHead(
                requestLineBytes: line,
                headerCount: count,
                headerBytes: bytes,
                bodyBytes: body,
                at: Self.at(0)
            )
        }
        #expect(answer(50, 3, 80, 100) == .proceed)
        #expect(answer(51, 3, 80, 100) == .answer(.requestLineTooLong))
        #expect(answer(50, 4, 80, 100) == .answer(.headersTooLarge))
        #expect(answer(50, 3, 81, 100) == .answer(.headersTooLarge))
        #expect(answer(50, 3, 80, 101) == .answer(.bodyTooLarge))
    }

    @Test("Bytes of which the parser makes nothing are bounded, before a head and within a body")
    mutating func unparsed() {
        for _ in 0..<13 {
            reception.receivedBytes(10, lineFeed: nil, at: Self.at(0))
            #expect(reception.parsedBytes() == .proceed)
        }
        reception.receivedBytes(10, lineFeed: nil, at: Self.at(0))
        #expect(reception.parsedBytes() == .answer(.requestLineTooLong))

        reception = Reception(limits: Self.small, now: Self.at(0))
        reception.receivedBytes(200, lineFeed: 20, at: Self.at(0))
        #expect(reception.parsedBytes() == .answer(.headersTooLarge))

        reception = Reception(limits: Self.small, now: Self.at(0))
        #expect(head(at: 0) == .proceed)
        reception.receivedBytes(200, lineFeed: nil, at: Self.at(0))
        #expect(reception.parsedBytes() == .answer(.malformed))
    }

    @Test("What ends inside a body is incomplete; what ends inside a head is malformed")
    mutating func endOfInput() {
        #expect(head(5, at: 0) == .proceed)
        #expect(reception.failedParsing(isOverflow: false, isEndOfInput: true) == .answer(.incompleteBody))

        reception = Reception(limits: Self.small, now: Self.at(0))
        reception.receivedBytes(5, lineFeed: nil, at: Self.at(0))
        #expect(reception.failedParsing(isOverflow: false, isEndOfInput: true) == .answer(.malformed))
    }

    @Test("After a refusal nothing that comes in counts, and the client's end closes")
    mutating func afterRefusal() {
        #expect(head(101, at: 0) == .answer(.bodyTooLarge))
        #expect(head(101, at: 0) == .proceed)
        #expect(reception.receivedBody(1000) == .proceed)
        #expect(reception.parsedBytes() == .proceed)
        #expect(reception.failedParsing(isOverflow: true, isEndOfInput: false) == .proceed)
        #expect(reception.inputEnded() == .close)
    }
}
