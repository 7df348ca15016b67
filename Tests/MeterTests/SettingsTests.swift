import Foundation
import TestSupport
import Testing

@testable import Meter

struct SettingsTests {
    private let directory = TemporaryDirectory()

    private func load(
        _ commandLine: [MeterSettings.Key: String] = [:],
        _ environment: [String: String] = [:],
        file: String? = nil
    ) async throws -> MeterSettings {
        if let file { try Data(file.utf8).write(to: URL(filePath: directory.path("circlemeter.json"))) }
        return try await MeterSettings.load(
            directory: DataDirectory(directory.path),
            commandLine: commandLine,
            environment: environment
        )
    }

    @Test func `the command line wins over the environment, the environment over the file`() async throws {
        let file = #"{"webhook-address":"127.0.0.1:1","dashboard-address":"127.0.0.1:2","maximum-body-bytes":3}"#
        let environment = ["CIRCLEMETER_WEBHOOK_ADDRESS": "127.0.0.1:4", "CIRCLEMETER_DASHBOARD_ADDRESS": "[::1]:5"]
        let settings = try await load([.webhookAddress: "localhost:6"], environment, file: file)
        #expect(settings.webhookAddress.description == "localhost:6")
        #expect(settings.dashboardAddress.description == "[::1]:5")
        #expect(settings.maximumBodyBytes == 3)
        #expect(settings.circleciURL == "https://circleci.com")
    }

    /// Any text is a secret.
    @Test(arguments: MeterSettings.Key.allCases.filter { $0 != .noticeSecret })
    func `every setting has its environment variable, and nonsense in it is named`(_ key: MeterSettings.Key)
        async throws
    {
        let name = "CIRCLEMETER_" + key.rawValue.uppercased().replacing("-", with: "_")
        let error = await expectError(.invalidSetting) { try await load([:], [name: "no such thing"]) }
        #expect(error?.location == key.rawValue)
    }

    @Test func `a file that is no JSON is named`() async throws {
        let error = await expectError(.unreadableFile) { try await load(file: "{") }
        #expect(error?.location == directory.path("circlemeter.json"))
    }
}
