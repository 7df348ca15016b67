import AsyncHTTPClient
import CircleCI
import Foundation
import Glibc
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Meter

/// Both listeners behind a certificate of files.
struct TLSTests {
    private let directory = TemporaryDirectory()

    private func make(_ name: String) throws -> TLSIdentity.Files {
        let files = TLSIdentity.Files(
            certificate: directory.path("\(name).pem"),
            key: directory.path("\(name)-key.pem")
        )
        let arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-keyout", files.key, "-out", files.certificate,
        ]
        #expect(try Program.run("/usr/bin/openssl", arguments).status == 0)
        chmod(files.key, 0o600)
        return files
    }

    /// Whether a client that speaks this version and no other can shake hands.
    private func shakesHands(_ version: String, _ port: Int) throws -> Bool {
        // The client's own refusal of old versions is turned off, so that the service's is seen.
        let arguments = [
            "s_client", "-\(version)", "-cipher", "DEFAULT@SECLEVEL=0", "-connect", "127.0.0.1:\(port)",
        ]
        return try Program.run("/usr/bin/openssl", arguments).status == 0
    }

    private func copy(_ from: String, over to: String) throws {
        try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to))
        chmod(to, 0o600)
    }

    @Test func `both listeners speak https, plain HTTP gets nothing, and limits hold`() async throws {
        let files = try make("first")
        let live = try await LiveService { $0.tls = files }
        #expect(live.running.webhookURL.hasPrefix("https://") && live.running.dashboardURL.hasPrefix("https://"))
        func ask(_ method: HTTPMethod, _ url: String, body: [UInt8] = [], signature: String? = nil) async throws
            -> HTTPClientResponse
        {
            var request = HTTPClientRequest(url: url)
            request.method = method
            if let signature { request.headers.add(name: "circleci-signature", value: signature) }
            if !body.isEmpty { request.body = .bytes(ByteBuffer(bytes: body)) }
            return try await ServiceAccess.client.execute(request, timeout: .seconds(30))
        }
        #expect(try await ask(.GET, live.running.webhookURL + "/healthz").status == .ok)
        let login = try await ask(.GET, live.running.dashboardURL + "/login")
        #expect(login.status == .ok && login.headers.first(name: "set-cookie")?.contains("Secure") == true)
        let body = Array("{\"id\":\"a\",\n \"type\":\"ping\",\"webhook\":{\"id\":\"b\"}}".utf8)
        let signature = WebhookSignature.header(for: body, secret: try LiveService.secret.forSigning())
        let hook = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        #expect(try await ask(.POST, hook, body: body, signature: signature).status == .ok)
        #expect(try await ask(.POST, hook, body: body + [0x20], signature: signature).status == .unauthorized)
        let long = live.running.webhookURL + "/" + String(repeating: "a", count: 5000)
        #expect(try await ask(.GET, long).status == .uriTooLong)

        let port = try #require(URL(string: live.running.webhookURL)?.port)
        #expect(try await RawClient.answers(port, to: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n") == [])
        let hands = try await onOwnThread("openssl") {
            try ["tls1_1", "tls1_2", "tls1_3"].map { try shakesHands($0, port) }
        }
        #expect(hands == [false, true, true])
        await live.stop()
    }

    @Test func `a renewed certificate is taken up, and a bad one is not`() throws {
        let (files, other) = (try make("first"), try make("second"))
        let identity = try TLSIdentity(files)
        let first = identity.context
        #expect(try !identity.renew())
        try copy(other.certificate, over: files.certificate)
        expectError(.invalidCertificate) { try identity.renew() }
        #expect(identity.context === first)
        #expect(try !identity.renew(), "said once")
        try copy(other.key, over: files.key)
        #expect(try identity.renew())
        #expect(identity.context !== first)
    }

    @Test func `files that cannot be used are refused by name, and no key is shown`() throws {
        let files = try make("first")
        let bad = directory.path("bad.pem")
        try Data("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n".utf8).write(
            to: URL(filePath: bad)
        )
        chmod(bad, 0o600)
        let other = try make("second")
        for (code, certificate, key, path) in [
            (MeterError.Code.invalidCertificate, bad, files.key, bad),
            (.invalidCertificate, files.certificate, bad, bad),
            (.invalidCertificate, files.certificate, other.key, other.key),
            (.unreadableFile, directory.path("none"), files.key, directory.path("none")),
            (.unreadableFile, files.certificate, directory.path("none"), directory.path("none")),
        ] {
            let error = expectError(code) { try TLSIdentity(.init(certificate: certificate, key: key)) }
            #expect(error?.location == path && error.map { !"\($0)".contains("c2VjcmV0") } == true)
        }
        chmod(files.key, 0o640)
        expectError(.permissionsTooWide) { try TLSIdentity(files) }
    }

    @Test func `a client that does not finish its handshake is cut off`() async throws {
        let identity = try TLSIdentity(try make("first"))
        var limits = ReceiverLimits()
        limits.idleTime = .milliseconds(100)
        try await RunningReceiver.run(limits, identity: identity) { receiver in
            // The first bytes of a hello, and no more.
            try await RawClient.connect(receiver.port) { client in
                try await client.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
                #expect(await client.answers() == [])
            }
        }
    }

    @Test func `a certificate and its key go together`() async throws {
        for (given, name) in [
            ([MeterSettings.Key.tlsKey: "k"], "tls-key"), ([.tlsCertificate: "c"], "tls-certificate"),
        ] {
            let error = await #expect(throws: MeterError.self) {
                try await MeterSettings.load(
                    directory: DataDirectory(directory.path("data")),
                    commandLine: given,
                    environment: [:]
                )
            }
            #expect(error?.code == .invalidSetting && error?.location == name)
        }
    }
}
