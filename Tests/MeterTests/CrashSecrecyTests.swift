import FakeCircleCI
import Foundation
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

/// Promise 7 at a crash: keys and secrets are in memory in plain text, and none of it is printed or dumped.
struct CrashSecrecyTests {
    private static let key = "CCIPAT_canary_fedcba9876543210fedcba9876543210fedcba98"
    private static let secret = "canary-secret-0a1b2c3d4e5f60718293"

    private let directory = TemporaryDirectory()
    private var data: String { directory.path("data") }

    private static let signals = [SIGABRT, SIGSEGV, SIGTRAP, SIGILL, SIGBUS, SIGFPE, SIGQUIT]

    @Test(.timeLimit(.minutes(5)))
    func `a crash ends the service at once, and leaves no key and no secret in its output or in a dump`() async throws {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch)
        let history = FakeHistory(options: FakeHistoryOptions(seed: TestSeed.of(round: 0), firstDay: firstDay))
        try await FakeSite.run(history) { site, url in
            site.addKey(CrashSecrecyTests.key, login: "admin")
            site.advance(to: .now)
            let file = directory.path("secret")
            try Data(CrashSecrecyTests.secret.utf8).write(to: URL(filePath: file))
            let environment = ["CIRCLEMETER_CIRCLECI_URL": url, "CIRCLEMETER_API_CALLS_PER_SECOND": "1000"]
            let added = try await ChildProcess.run(
                [
                    "connection", "add", "acme", "--org", history.organizations[0].id, "--webhook-secret-file", file,
                    "--api-key-file", "-", "--data-dir", data,
                ],
                environment: environment,
                input: CrashSecrecyTests.key
            )
            #expect(added.status == 0, "\(added.output)")
            let master = try String(contentsOfFile: "\(data)/master-key", encoding: .utf8).dropLast()
            for signal in CrashSecrecyTests.signals {
                let service = try ChildProcess(
                    [
                        "serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                        "127.0.0.1:0", "--reconcile-every", "1s",
                    ],
                    environment: environment
                )
                _ = try await service.line(after: "dashboard: ")
                let limits = try String(contentsOfFile: "/proc/\(service.processID)/limits", encoding: .utf8)
                let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
                #expect(core?.split(separator: " ").dropFirst(4).first == "0", "\(limits)")
                service.send(signal)
                #expect(await service.status() == -signal)
                let output = await service.output()
                for canary in [CrashSecrecyTests.key, CrashSecrecyTests.secret, String(master)] {
                    for form in forms(of: canary) { #expect(!output.contains(form), "signal \(signal)") }
                }
                #expect(!output.contains("Registers") && !output.contains("Crash"), "signal \(signal): \(output)")
            }
        }
    }

    /// A text as it may be found: as it is, in hexadecimal digits with and without spaces, and in base64.
    private func forms(of canary: String) -> [String] {
        let bytes = Array(canary.utf8)
        let base64 = (0..<3).map { shift in
            let encoded = Base64.encode([UInt8](repeating: 0, count: shift) + bytes)
            return String(encoded.dropFirst(shift == 0 ? 0 : 4).dropLast(4))
        }
        // A dump shows sixteen bytes on a line, starting anywhere.
        let rows = (0..<min(16, bytes.count - 15)).map { start in
            bytes.dropFirst(start).prefix(16).map { Hex.encode([$0]) }.joined(separator: " ")
        }
        return [canary, Hex.encode(bytes), Hex.encode(bytes).uppercased()] + base64 + rows
    }
}
