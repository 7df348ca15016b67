import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Wire

/// A listener that answers with `responder`, as Hummingbird's `Application` does, but without its clock for the Date
/// header: that one wakes several threads every second, for as long as the service has nothing to do.
struct ListeningApplication<Responder: HTTPResponder>: Service
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
    let responder: Responder
    let server: HTTPServerBuilder
    let configuration: ServerConfiguration
    /// Called with the listening channel, whose `localAddress` tells the port where 0 was asked for.
    let onRunning: @Sendable (any Channel) async -> Void
    /// The wall clock, for the Date header.
    let now: @Sendable () -> Timestamp
    let logger: Logger

    /// What Hummingbird is told where the request's own bytes were at fault while an answer was written already.
    private struct AnswerCut: Error {}

    func run() async throws {
        let listener = try server.buildServer(
            configuration: configuration,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        ) { request, responseWriter, channel in
            let context = Responder.Context(source: ApplicationRequestContextSource(channel: channel, logger: logger))
            var response = try await respond(to: request, context)
            response.headers[.date] = HTTPDate.text(now())
            do {
                try await responseWriter.write(response: response.head, body: response.body)
            } catch is HTTPParserError {
                // This error itself would have a second answer written.
                throw AnswerCut()
            }
        } onServerRunning: { channel in
            await onRunning(channel)
        }
        try await ServiceGroup(configuration: ServiceGroupConfiguration(services: [listener], logger: logger)).run()
    }

    private func respond(to request: Request, _ context: Responder.Context) async throws -> Response {
        do {
            return try await responder.respond(to: request, context: context)
        } catch let error as HTTPParserError {
            throw error
        } catch {
            logger.error("A request failed", metadata: ["error": "\(error)"])
            return Response(status: .internalServerError)
        }
    }
}
