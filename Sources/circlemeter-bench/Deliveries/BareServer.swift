import ArgumentParser
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// What circlemeter's receiver is held against: Hummingbird as it comes, without even a router, and a handler that reads
/// the body and answers 200. Nothing is checked, nothing is kept.
struct BareServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bare-server", shouldDisplay: false)

    /// As circlemeter's own bound.
    private static let maximumBodyBytes = 1 << 20

    func run() async throws {
        var logger = Logger(label: "bare-server") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            _ = try await request.body.collect(upTo: BareServer.maximumBodyBytes)
            return Response(status: .ok)
        }
        let application = Application(
            responder: responder,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                let line = "bare: http://127.0.0.1:\(channel.localAddress?.port ?? 0)\n"
                FileHandle.standardError.write(Data(line.utf8))
            },
            logger: logger
        )
        try await application.runService()
    }
}
