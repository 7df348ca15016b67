package import AsyncHTTPClient
import Foundation
import NIOSSL

/// How commands on the same machine reach a running service.
package struct ServiceAccess {
    package let dashboardURL: String
    package let adminToken: String

    /// Asks the service. Its certificate, which is for the name that people use, is not looked at: the address is this
    /// machine's own, and whoever could listen there in the service's place could as well do so where it speaks plain HTTP.
    package static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.tlsConfiguration = .makeClientConfiguration()
        configuration.tlsConfiguration?.certificateVerification = .none
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// From the service's file and the admin token, which is in the environment or in the data directory; nil where no
    /// service says where it listens. Blocking, for a moment.
    package static func read(_ directory: DataDirectory) throws(MeterError) -> ServiceAccess? {
        guard let url = try ServiceFile(directory).dashboardURL() else { return nil }
        let path = "\(directory.path)/admin-token"
        if let token = ProcessInfo.processInfo.environment["CIRCLEMETER_ADMIN_TOKEN"], !token.isEmpty {
            let trimmed = Secret(trimming: Array(token.utf8)).bytes
            return ServiceAccess(dashboardURL: url, adminToken: String(decoding: trimmed, as: UTF8.self))
        }
        guard let bytes = try PrivateFile.read(path, maximumBytes: 4096) else {
            throw MeterError(
                .unreadableFile,
                "There is no admin token",
                at: path,
                hint: "give the service's own CIRCLEMETER_ADMIN_TOKEN"
            )
        }
        return ServiceAccess(
            dashboardURL: url,
            adminToken: String(decoding: Secret(trimming: bytes).bytes, as: UTF8.self)
        )
    }
}
