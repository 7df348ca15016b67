import Configuration
import Foundation
public import Logging
import SystemPackage

/// What a service is told before it starts. Each setting is an option of `serve`, an environment variable
/// (`CIRCLEMETER_` and the option's name in capitals) and a key of `circlemeter.json` in the data directory; the command
/// line wins over the environment, the environment over the file.
public struct MeterSettings: Sendable {
    public var directory: DataDirectory
    public var webhookAddress: ListenAddress
    public var dashboardAddress: ListenAddress
    /// Under which people and CircleCI reach the service from outside.
    public var publicURL: String?
    /// The certificate of both listeners; nil: they speak plain HTTP.
    public var tls: TLSIdentity.Files?
    /// Whose word about the client counts.
    public var trustedProxies = TrustedProxies()
    /// The API is under `/api/v2` of it.
    public var circleciURL: String
    /// Between two passes of the reconciler; nil: only when told to.
    public var reconcileEvery: Duration? = .seconds(300)
    /// Between two times that usage is settled through CircleCI's API; nil: only when told to.
    public var settleEvery: Duration? = .seconds(86_400)
    /// Between two looks at a usage export. CircleCI allows ten an hour.
    public var settleLookEvery: Duration = .seconds(360)
    /// Calls to CircleCI's API a second at most, for each key; its own limits hold besides.
    public var apiCallsPerSecond = 10
    /// How the reconciler goes about it.
    var reconcileOptions = ReconcileOptions()
    /// How usage exports are asked for.
    var exportOptions: ExportOptions {
        var options = ExportOptions()
        options.lookEverySeconds = settleLookEvery / .seconds(1)
        options.firstLookSeconds = min(options.firstLookSeconds, options.lookEverySeconds)
        return options
    }
    /// The file of Chart.js, which draws the pages' charts; nil: no charts.
    public var chartScript: String? = ChartScript.installedPath
    /// Where notices about connections are posted to. Chat services put secrets in the path, so this is no option of the
    /// command line and is shown nowhere.
    public var noticeURL: String?
    /// Signs notices. From the environment or the file only.
    public var noticeSecret: Secret?
    /// Longest body of a delivery.
    public var maximumBodyBytes: Int
    /// What refused deliveries may take on the disk; 0: none is kept.
    public var quarantineMaximumBytes = 64 << 20
    /// How long a refused delivery is kept; nil: while there is room.
    public var quarantineMaximumAge: Duration? = .seconds(30 * 86_400)
    /// A segment of the log is closed when it is longer.
    public var maximumSegmentBytes: Int
    /// Which segments are compressed.
    public var logCompression = LogCompressionSetting.off
    /// What the service says of itself on standard error.
    public var logLevel = Logger.Level.info

    public enum Key: String, CaseIterable, Sendable {
        case webhookAddress = "webhook-address"
        case dashboardAddress = "dashboard-address"
        case publicURL = "public-url"
        case tlsCertificate = "tls-certificate"
        case tlsKey = "tls-key"
        case trustedProxy = "trusted-proxy"
        case circleciURL = "circleci-url"
        case reconcileEvery = "reconcile-every"
        case settleEvery = "settle-every"
        case settleLookEvery = "settle-look-every"
        case apiCallsPerSecond = "api-calls-per-second"
        case chartScript = "chart-script"
        case noticeURL = "notice-url"
        case noticeSecret = "notice-secret"
        case maximumBodyBytes = "maximum-body-bytes"
        case quarantineMaximumBytes = "quarantine-maximum-bytes"
        case quarantineMaximumAge = "quarantine-maximum-age"
        case maximumSegmentBytes = "maximum-segment-bytes"
        case logCompression = "log-compression"
        case logLevel = "log-level"
    }

    public init(
        directory: DataDirectory,
        webhookAddress: ListenAddress = ListenAddress(host: "127.0.0.1", port: 8080),
        dashboardAddress: ListenAddress = ListenAddress(host: "127.0.0.1", port: 8081),
        publicURL: String? = nil,
        circleciURL: String = "https://circleci.com",
        maximumBodyBytes: Int = 1 << 20,
        maximumSegmentBytes: Int = 64 << 20
    ) {
        self.directory = directory
        self.webhookAddress = webhookAddress
        self.dashboardAddress = dashboardAddress
        self.publicURL = publicURL
        self.circleciURL = circleciURL
        self.maximumBodyBytes = maximumBodyBytes
        self.maximumSegmentBytes = maximumSegmentBytes
    }

    /// The settings from all their sources.
    /// - Parameter commandLine: options that were given, as written.
    /// - Throws: `invalid_setting` that names the setting; `unreadable_file` for the settings file.
    public static func load(
        directory: DataDirectory,
        commandLine: [Key: String],
        environment: [String: String]
    ) async throws(MeterError) -> MeterSettings {
        let path = "\(directory.path)/circlemeter.json"
        let file: FileProvider<JSONSnapshot>
        do {
            file = try await FileProvider<JSONSnapshot>(filePath: FilePath(path), allowMissing: true)
        } catch {
            throw MeterError(.unreadableFile, "The settings cannot be read", at: path, cause: error)
        }
        let given = Dictionary(
            uniqueKeysWithValues: commandLine.map { key, value in
                (AbsoluteConfigKey([key.rawValue]), ConfigValue(.string(value), isSecret: false))
            }
        )
        let reader = ConfigReader(providers: [
            InMemoryProvider(name: "command line", values: given),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "circlemeter"),
            file,
        ])
        var settings = MeterSettings(directory: directory)
        if let text = reader.string(.webhookAddress) {
            settings.webhookAddress = try ListenAddress(text, setting: Key.webhookAddress.rawValue)
        }
        if let text = reader.string(.dashboardAddress) {
            settings.dashboardAddress = try ListenAddress(text, setting: Key.dashboardAddress.rawValue)
        }
        settings.publicURL = try reader.url(.publicURL)
        settings.tls = try reader.tlsFiles()
        if let text = reader.string(.trustedProxy) {
            settings.trustedProxies = try TrustedProxies(text, setting: Key.trustedProxy.rawValue)
        }
        settings.circleciURL = try reader.url(.circleciURL) ?? settings.circleciURL
        if let text = reader.string(.reconcileEvery) {
            settings.reconcileEvery = try Duration.setting(text, name: Key.reconcileEvery.rawValue)
        }
        if let text = reader.string(.settleEvery) {
            settings.settleEvery = try Duration.setting(text, name: Key.settleEvery.rawValue)
        }
        if let text = reader.string(.settleLookEvery) {
            settings.settleLookEvery =
                try Duration.setting(text, name: Key.settleLookEvery.rawValue) ?? settings.settleLookEvery
        }
        settings.apiCallsPerSecond =
            try reader.integer(.apiCallsPerSecond, in: 1...1000, "calls a second") ?? settings.apiCallsPerSecond
        if let text = reader.string(.chartScript) {
            settings.chartScript = try MeterSettings.chartScript(text)
        }
        settings.noticeURL = try reader.url(.noticeURL)
        settings.noticeSecret = reader.string(.noticeSecret, isSecret: true).map { Secret(Array($0.utf8)) }
        settings.maximumBodyBytes =
            try reader.integer(.maximumBodyBytes, in: 1...(64 << 20), "bytes") ?? settings.maximumBodyBytes
        settings.maximumSegmentBytes =
            try reader.integer(.maximumSegmentBytes, in: 4096...(1 << 40), "bytes") ?? settings.maximumSegmentBytes
        settings.quarantineMaximumBytes =
            try reader.integer(.quarantineMaximumBytes, in: 0...(1 << 40), "bytes") ?? settings.quarantineMaximumBytes
        if let text = reader.string(.quarantineMaximumAge) {
            settings.quarantineMaximumAge = try Duration.setting(text, name: Key.quarantineMaximumAge.rawValue)
        }
        settings.logCompression = try reader.choice(.logCompression, "Not a choice") ?? settings.logCompression
        settings.logLevel = try reader.choice(.logLevel, "Not a level") ?? settings.logLevel
        return settings
    }

    /// A path, or `off` for none.
    private static func chartScript(_ text: String) throws(MeterError) -> String? {
        if text == "off" { return nil }
        guard text.hasPrefix("/") else {
            throw MeterError(
                .invalidSetting,
                "Not an absolute path",
                at: Key.chartScript.rawValue,
                hint: "for example \(ChartScript.installedPath); off for none"
            )
        }
        return text
    }
}

extension ConfigReader {
    fileprivate func string(_ key: MeterSettings.Key, isSecret: Bool = false) -> String? {
        string(forKey: ConfigKey([key.rawValue]), isSecret: isSecret).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// One of a few words.
    fileprivate func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: MeterSettings.Key,
        _ complaint: String
    ) throws(MeterError) -> Choice? where Choice.RawValue == String {
        guard let text = string(key) else { return nil }
        if let choice = Choice(rawValue: text) { return choice }
        throw MeterError(
            .invalidSetting,
            complaint,
            at: key.rawValue,
            hint: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
        )
    }

    fileprivate func url(_ key: MeterSettings.Key) throws(MeterError) -> String? {
        guard let text = string(key) else { return nil }
        guard let url = URLComponents(string: text), url.scheme == "https" || url.scheme == "http",
            url.host?.isEmpty == false, url.user == nil, url.password == nil
        else {
            throw MeterError(
                .invalidSetting,
                "Not a URL of a site",
                at: key.rawValue,
                hint: "for example https://meter.example.com"
            )
        }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    fileprivate func tlsFiles() throws(MeterError) -> TLSIdentity.Files? {
        switch (string(.tlsCertificate), string(.tlsKey)) {
        case (nil, nil): return nil
        case (let certificate?, let key?): return TLSIdentity.Files(certificate: certificate, key: key)
        case (let certificate, _):
            throw MeterError(
                .invalidSetting,
                "A certificate and its key go together, and this one is alone",
                at: (certificate == nil ? MeterSettings.Key.tlsKey : .tlsCertificate).rawValue,
                hint: "give both --tls-certificate and --tls-key"
            )
        }
    }

    fileprivate func integer(
        _ key: MeterSettings.Key,
        in range: ClosedRange<Int>,
        _ unit: String
    ) throws(MeterError) -> Int? {
        // A number in the file and a text everywhere else.
        guard let text = string(key) ?? int(forKey: ConfigKey([key.rawValue])).map(String.init) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw MeterError(
                .invalidSetting,
                "Not a number of \(unit) from \(range.lowerBound) to \(range.upperBound)",
                at: key.rawValue
            )
        }
        return value
    }
}

extension Duration {
    /// `30s`, `5m`, `1h`, `30d`; nil for `off`.
    /// - Throws: `invalid_setting`.
    static func setting(_ text: String, name: String) throws(MeterError) -> Duration? {
        if text == "off" { return nil }
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), count > 0,
            count <= 1_000_000
        else {
            throw MeterError(
                .invalidSetting,
                "'\(text)' is no length of time",
                at: name,
                hint: "for example 30s, 5m, 1h or 30d; off for never"
            )
        }
        return .seconds(count * unit)
    }
}
