import ArgumentParser
import Foundation
import Logging
import Meter

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Take webhooks, keep the log, publish the counters.",
        discussion: "Stops on SIGTERM or SIGINT: it takes no more, answers what it has, syncs, and publishes."
    )

    @OptionGroup var data: DataOptions

    @Option(name: .customLong("webhook-address"), help: "The public listener (127.0.0.1:8080).")
    var webhookAddress: String?

    @Option(name: .customLong("dashboard-address"), help: "The dashboard's listener (127.0.0.1:8081).")
    var dashboardAddress: String?

    @Option(name: .customLong("public-url"), help: "Under which the service is reached from outside.")
    var publicURL: String?

    @Option(
        name: .customLong("tls-certificate"),
        help: "A PEM file with the certificate of both listeners and its chain; renewed files are taken up."
    )
    var tlsCertificate: String?

    @Option(name: .customLong("tls-key"), help: "A PEM file with the certificate's private key, 0600.")
    var tlsKey: String?

    @Option(
        name: .customLong("trusted-proxy"),
        help: ArgumentHelp(
            "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto count.",
            valueName: "address[/bits],..."
        )
    )
    var trustedProxy: String?

    @Option(
        name: .customLong("circleci-url"),
        help: "CircleCI (https://circleci.com). Its API is under /api/v2."
    )
    var circleciURL: String?

    @Option(
        name: .customLong("reconcile-every"),
        help: """
            How often CircleCI is asked for what the webhooks missed (5m), as in 30s, 5m, 1h; off for never, and then \
            neither silence nor a key's end is told.
            """
    )
    var reconcileEvery: String?

    @Option(
        name: .customLong("settle-every"),
        help: "How often usage is settled by CircleCI's usage export (24h), as in 12h, 24h; off for never."
    )
    var settleEvery: String?

    @Option(
        name: .customLong("api-calls-per-second"),
        help: "Calls to CircleCI's API a second at most, for each key (10)."
    )
    var apiCallsPerSecond: Int?

    @Option(name: .customLong("maximum-body-bytes"), help: "Longest body of a delivery (1048576).")
    var maximumBodyBytes: Int?

    @Option(
        name: .customLong("quarantine-maximum-bytes"),
        help: "What wrongly signed deliveries may take on the disk (67108864); 0 keeps none."
    )
    var quarantineMaximumBytes: Int?

    @Option(
        name: .customLong("quarantine-maximum-age"),
        help: "How long wrongly signed deliveries are kept (30d), as in 12h, 30d; off while there is room."
    )
    var quarantineMaximumAge: String?

    @Option(
        name: .customLong("maximum-segment-bytes"),
        help: "Length at which a segment of the log is closed (67108864)."
    )
    var maximumSegmentBytes: Int?

    @Option(
        name: .customLong("log-compression"),
        help: "Which segments of the log are compressed (off): off, or sealed for all but the one that is written."
    )
    var logCompression: String?

    @Option(
        name: .customLong("chart-script"),
        help: "The file of Chart.js, which draws the charts (that of libjs-chart.js); off for tables alone."
    )
    var chartScript: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical (info).")
    var logLevel: String?

    func run() async throws {
        var given: [MeterSettings.Key: String] = [:]
        given[.webhookAddress] = webhookAddress
        given[.dashboardAddress] = dashboardAddress
        given[.publicURL] = publicURL
        given[.tlsCertificate] = tlsCertificate
        given[.tlsKey] = tlsKey
        given[.trustedProxy] = trustedProxy
        given[.circleciURL] = circleciURL
        given[.reconcileEvery] = reconcileEvery
        given[.settleEvery] = settleEvery
        given[.maximumBodyBytes] = maximumBodyBytes.map(String.init)
        given[.apiCallsPerSecond] = apiCallsPerSecond.map(String.init)
        given[.chartScript] = chartScript
        given[.logLevel] = logLevel
        given[.quarantineMaximumBytes] = quarantineMaximumBytes.map(String.init)
        given[.quarantineMaximumAge] = quarantineMaximumAge
        given[.logCompression] = logCompression
        given[.maximumSegmentBytes] = maximumSegmentBytes.map(String.init)
        let settings: MeterSettings
        do {
            settings = try await MeterSettings.load(
                directory: try data.directory(),
                commandLine: given,
                environment: ProcessInfo.processInfo.environment
            )
        } catch let error as MeterError where error.code == .invalidSetting {
            throw CommandFailure.misuse("\(error)")
        }
        let service = try await MeterService.open(
            settings,
            environment: ProcessInfo.processInfo.environment,
            logger: .standardError(settings.logLevel)
        )
        try await service.run { running in
            Console.error("webhooks:  \(running.webhookURL)/webhooks/circleci/CONNECTION")
            Console.error("dashboard: \(running.signInURL ?? running.dashboardURL)")
        }
    }
}

extension Logger {
    /// Lines on standard error, which is unbuffered.
    static func standardError(_ level: Level) -> Logger {
        var logger = Logger(label: "circlemeter") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }
}
