import CircleCI
import FakeCircleCI
import Glibc
import Synchronization
import TestSupport
import Testing
import Wire

@testable import FakeCircleCI
@testable import Meter

@Suite("Malformed HTTP against the public listener")
struct ListenerCampaignTests {
    /// Small, so that every limit is passed often and every cut is near.
    private static let limits = {
        var limits = ReceiverLimits()
        limits.maximumBodyBytes = 400
        limits.maximumRequestLineBytes = 120
        limits.maximumHeaderCount = 12
        limits.maximumHeaderBytes = 400
        return limits
    }()

    @Test("Whatever is sent, only what is whole and signed is on the log, and the listener goes on")
    func malformed() async throws {
        let campaign = Campaign("http", unit: "inputs", short: 2000)
        let isLong = getenv("CIRCLEMETER_CAMPAIGN").map { String(cString: $0) } == campaign.name
        let isAlone = isLong && getenv("CIRCLEMETER_CAMPAIGN_COUNT").map { String(cString: $0) } == "1"
        let oracle = ListenerOracle(Self.limits)
        let failures = Findings()
        try await RunningReceiver.run(Self.limits, log: oracle.log) { receiver in
            // Clients that block have threads of their own.
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try? await onOwnThread("client") {
                            while let seed = campaign.nextSeed() {
                                do {
                                    try Self.round(seed, isLong, isAlone, oracle, receiver, campaign)
                                } catch {
                                    failures.add("seed \(seed): \(error)")
                                }
                            }
                        }
                    }
                }
            }
            let status = try await receiver.health()
            #expect(status == 200)
        }
        // Once the listener has stopped, all that it began is done.
        let all = failures.all + oracle.mismatches
        #expect(all.isEmpty, "\(all.count): \(all.prefix(10).joined(separator: "\n"))")
        campaign.finish()
    }

    @Test("Every form that is known to divide implementations, cut at every byte")
    func classicForms() async throws {
        let oracle = ListenerOracle(Self.limits)
        let failures = Findings()
        try await RunningReceiver.run(Self.limits, log: oracle.log) { receiver in
            try await onOwnThread("client") {
                for (index, form) in RequestForge.classicForms.enumerated() {
                    var forge = RequestForge(seed: UInt64(index), secret: receiver.secret)
                    let bytes = RequestForge.bytes(form.make(&forge))
                    oracle.learn(forge.signed) { receiver.signature($0) }
                    // In the suite the whole and a cut of each.
                    for count in [bytes.count, bytes.count * (index % 7 + 1) / 8] {
                        do {
                            _ = try oracle.exchange(
                                Array(bytes.prefix(count)),
                                signed: forge.signed,
                                seed: UInt64(index),
                                port: receiver.port,
                                .half
                            )
                        } catch {
                            failures.add("form \(form.name.debugDescription), \(count) of \(bytes.count): \(error)")
                        }
                    }
                }
            }
        }
        let all = failures.all + oracle.mismatches
        #expect(all.isEmpty, "\(all.count): \(all.prefix(60).joined(separator: "\n"))")
    }

    /// One connection whole, and cut at every byte in the long form, of one in a hundred in the short one; then a delivery
    /// as it should be.
    private static func round(
        _ seed: UInt64,
        _ isLong: Bool,
        _ isAlone: Bool,
        _ oracle: ListenerOracle,
        _ receiver: RunningReceiver,
        _ campaign: Campaign
    ) throws {
        var forge = RequestForge(seed: seed, secret: receiver.secret)
        let bytes = forge.connection()
        let good = RequestForge.bytes(forge.delivery(fields: "connection: close\r\n"))
        oracle.learn(forge.signed) { receiver.signature($0) }
        if isAlone { print("seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)") }
        func send(_ count: Int, _ ending: RawSocket.Ending) throws -> ReferenceParser.End {
            do {
                return try oracle.exchange(
                    Array(bytes.prefix(count)),
                    signed: forge.signed,
                    seed: seed,
                    port: receiver.port,
                    ending
                )
            } catch {
                throw ListenerOracle.Failure(
                    description: "\(count) of \(bytes.count) bytes: \(error) of "
                        + String(decoding: bytes.prefix(count), as: UTF8.self).debugDescription
                )
            }
        }
        switch try send(bytes.count, .half) {
        case .clean: campaign.count("well-formed to the end")
        case .refused: campaign.count("to be refused")
        case .open: campaign.count("left open by the RFC")
        }
        if isLong || seed % 100 == 0 {
            for count in 0..<bytes.count {
                _ = try send(count, .half)
                _ = try send(count, count % 2 == 0 ? .close : .reset)
            }
            campaign.count("cuts", 2 * bytes.count)
        }
        _ = try oracle.exchange(good, signed: forge.signed, seed: seed, port: receiver.port, .half)
        campaign.count("webhooks in between")
    }
}

/// What was found wrong, by whichever client.
private final class Findings: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { texts.withLock { $0 } }

    func add(_ text: String) {
        texts.withLock { $0.append(text) }
    }
}
