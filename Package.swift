// swift-tools-version: 6.2

import PackageDescription

/// With `CIRCLEMETER_SABOTAGE` set, the bugs of Tests/Sabotage/README.md are compiled in, each to be planted by name.
let sabotage: [SwiftSetting] = Context.environment["CIRCLEMETER_SABOTAGE"] == nil ? [] : [.define("SABOTAGE")]

let swiftSettings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + sabotage

/// Tests of a release build (scripts/prove) try optimized modules and are not optimized themselves: what `#expect` expands to keeps
/// the optimizer busy for longer than the tests run.
let testSettings: [SwiftSetting] = swiftSettings + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// What takes the bytes of others, and what the functions that try it need besides.
let fuzzedTargets: [Target.Dependency] = [
    "CircleCI", "EventLog", "FakeCircleCI", "Meter", "Usage", "Wire",
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]

/// Arrows point down only: a target may depend on those listed after it, never on one before it.
let package = Package(
    name: "circlemeter",
    products: [
        .executable(name: "circlemeter", targets: ["circlemeter"]),
        .executable(name: "circlemeter-bench", targets: ["circlemeter-bench"]),
        .library(name: "HeldWrites", type: .dynamic, targets: ["HeldWrites"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "circlemeter",
            dependencies: [
                "Meter", "FakeCircleCI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "circlemeter-bench",
            dependencies: [
                "Meter", "FakeCircleCI", "CircleCI", "EventLog", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            resources: [.embedInCode("Deliveries/Others")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Meter",
            dependencies: [
                "CircleCI", "EventLog", "Usage", "Wire", "COpenSSL", "CPageChecksum", "CProcess",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Mustache", package: "swift-mustache"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Dashboard/Assets")],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "FakeCircleCI",
            dependencies: [
                "CircleCI", "Wire", "CZlib",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "CircleCI",
            dependencies: [
                "Usage", "Wire", "COpenSSL", "CZlib",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: swiftSettings
        ),
        // It compresses sealed segments itself: no reader of them may depend on a program that is installed or not.
        .target(name: "EventLog", dependencies: ["CScan", "CZstd", "Wire"], swiftSettings: swiftSettings),
        .target(name: "Usage", dependencies: ["Wire"], swiftSettings: swiftSettings),
        .target(name: "Wire", dependencies: ["CChecksum", "CScan"], swiftSettings: swiftSettings),
        .target(name: "CChecksum"),
        .target(name: "CScan"),
        .target(name: "CPageChecksum"),
        .target(name: "CProcess"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),

        .target(name: "TestSupport", dependencies: ["CSpawn"], path: "Tests/Support", swiftSettings: swiftSettings),
        .target(name: "CSpawn", path: "Tests/Spawn"),
        .target(name: "HeldWrites", path: "Tests/HeldWrites"),
        .executableTarget(
            name: "fake-circleci",
            dependencies: [
                "FakeCircleCI", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/FakeSite",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "WireTests",
            dependencies: ["Wire", "CScan", "FakeCircleCI", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "UsageTests",
            dependencies: ["Usage", "Wire", "FakeCircleCI", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "EventLogTests",
            dependencies: ["EventLog", "Wire", "FakeCircleCI", "TestSupport"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "CircleCITests",
            dependencies: [
                "CircleCI", "Usage", "Wire", "FakeCircleCI", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "FuzzTests",
            dependencies: fuzzedTargets + ["TestSupport"],
            exclude: ["Driver"],
            swiftSettings: testSettings
        ),
        .testTarget(
            name: "MeterTests",
            dependencies: [
                "Meter", "CircleCI", "EventLog", "FakeCircleCI", "TestSupport", "Usage", "Wire", "circlemeter",
                "HeldWrites",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: testSettings
        ),
    ],
    swiftLanguageModes: [.v6]
)

// `scripts/fuzz` builds the same functions with libFuzzer, in a build folder of its own; nothing else is built so.
if Context.environment["CIRCLEMETER_FUZZ"] != nil {
    package.targets.removeAll { $0.type == .test }
    let sanitizers = "-sanitize=fuzzer,address"
    for target in package.targets where ["CircleCI", "EventLog", "Meter", "Usage", "Wire"].contains(target.name) {
        target.swiftSettings?.append(.unsafeFlags([sanitizers, "-enable-testing"]))
    }
    package.targets.append(
        .executableTarget(
            name: "circlemeter-fuzz",
            dependencies: fuzzedTargets,
            path: "Tests/FuzzTests",
            sources: ["Targets", "Driver"],
            swiftSettings: swiftSettings + [.unsafeFlags([sanitizers])],
            // libFuzzer brings a `main` of its own; gold does not let ours stand in its place.
            linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])]
        )
    )
}
