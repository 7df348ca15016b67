import ArgumentParser
import Foundation
import Meter

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "The master key, under which API keys and webhook secrets are sealed.",
        subcommands: [KeyRotate.self, KeyReseal.self]
    )
}

struct KeyRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Replace the master key of the data directory and seal everything anew.",
        discussion: "Needs the service to be stopped. Interrupted at any point, run it again."
    )

    @OptionGroup var data: DataOptions

    func run() async throws {
        try await OfflineConnections.rotateMasterKey(directory: try data.existingDirectory())
        Console.error("everything is sealed under a new master key")
    }
}

struct KeyReseal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reseal",
        abstract: "Seal everything anew under the key in CIRCLEMETER_MASTER_KEY.",
        discussion: "Give the old key in CIRCLEMETER_RETIRED_MASTER_KEY. Needs the service to be stopped."
    )

    @OptionGroup var data: DataOptions

    func run() async throws {
        try await OfflineConnections.reseal(directory: try data.existingDirectory())
        Console.error("everything is sealed under the present master key")
    }
}
