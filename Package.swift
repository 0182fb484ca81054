// swift-tools-version: 6.2
import PackageDescription

/// `BOLT_WARNINGS=error` (set by CI) turns every warning of our own targets into an error.
let warnings: [SwiftSetting] =
    Context.environment["BOLT_WARNINGS"] == "error" ? [.treatAllWarnings(as: .error)] : []

let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + warnings

// Names of the parts of other packages, once.
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")

let package = Package(
    name: "bolt",
    products: [
        .library(name: "CRDT", targets: ["CRDT"]),
        .library(name: "Spanner", targets: ["Spanner"]),
        .executable(name: "bolt", targets: ["bolt"]),
        .executable(name: "boltctl", targets: ["boltctl"]),
        .executable(name: "bolt-envoy", targets: ["bolt-envoy"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache.git", from: "2.1.1"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin.git", from: "1.5.0"),
    ],
    targets: [
        // System libraries.
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "COpenSSLShim", dependencies: ["COpenSSL"]),
        .target(name: "CConvergence"),

        // Pure cores.
        .target(name: "CRDT", swiftSettings: strict),
        .target(name: "Spanner", dependencies: ["CRDT"], swiftSettings: strict),

        // Shells.
        .target(name: "SpannerWire", dependencies: ["CRDT", "Spanner", nioCore], swiftSettings: strict),
        .target(
            name: "Identity", dependencies: ["CRDT", "Spanner", "COpenSSL", "COpenSSLShim", "CSodium"],
            swiftSettings: strict),
        .target(name: "Vault", dependencies: ["CRDT", "Spanner", "Identity"], swiftSettings: strict),
        .target(
            name: "SpannerTransport",
            dependencies: ["CRDT", "Spanner", "SpannerWire", "Identity", nioCore, nioPosix, nioTLS, nioSSL, logging],
            swiftSettings: strict),
        .target(name: "SpannerStore", dependencies: ["CRDT", "Spanner", "CSQLite"], swiftSettings: strict),
        .target(name: "Programs", swiftSettings: strict),
        .target(name: "Policy", dependencies: ["CRDT", "Spanner", yams, mustache], swiftSettings: strict),
        .target(
            name: "Convergence", dependencies: ["CRDT", "Spanner", "Policy", "CConvergence"], swiftSettings: strict),
        .target(name: "BoltAPI", dependencies: ["CRDT", "Spanner", yams], swiftSettings: strict),
        .target(
            name: "Bolt",
            dependencies: [
                "CRDT", "Spanner", "SpannerWire", "SpannerTransport", "SpannerStore", "Identity", "Vault", "Lease",
                "BoltAPI", "Policy", "Programs",
                hummingbird, hummingbirdCore, lifecycle, logging,
                nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL, yams,
            ],
            swiftSettings: strict),
        .target(
            name: "BoltClient",
            dependencies: ["Spanner", "BoltAPI", "Identity", nioCore, nioPosix, nioSSL, nioHTTP1, logging],
            swiftSettings: strict),
        .target(
            name: "Lease",
            dependencies: [
                "CRDT", "Spanner", "Identity", "BoltClient", nioCore, nioPosix, nioSSL, nioHTTP1,
            ],
            swiftSettings: strict),
        .target(
            name: "Envoy",
            dependencies: [
                "CRDT", "Spanner", "BoltAPI", "BoltClient", "Identity", "SpannerStore", "Policy", "Convergence",
                "Programs", logging,
            ],
            swiftSettings: strict),

        // Programs.
        .executableTarget(
            name: "bolt", dependencies: ["Bolt", "BoltAPI", arguments, logging, lifecycle, signals],
            path: "Sources/bolt-daemon", swiftSettings: strict),
        .executableTarget(
            name: "boltctl",
            dependencies: [
                "CRDT", "Spanner", "Policy", "BoltAPI", "BoltClient", "Identity", "Vault", arguments, logging, yams,
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "bolt-envoy",
            dependencies: [
                "Envoy", "Spanner", "SpannerStore", "BoltAPI", "BoltClient", "Identity", "Policy", "Convergence",
                arguments, logging,
            ],
            path: "Sources/bolt-envoy", swiftSettings: strict),

        // Proof.
        .target(
            name: "SpannerTestKit", dependencies: ["CRDT", "Spanner", "SpannerStore", "CSQLite"],
            swiftSettings: strict),
        .executableTarget(
            name: "spanner-sim", dependencies: ["CRDT", "Spanner", "SpannerTestKit", arguments],
            swiftSettings: strict),
        .executableTarget(
            name: "spanner-bench",
            dependencies: [
                "CRDT", "Spanner", "SpannerStore", "SpannerTestKit", "LoopbackKit", "Identity", arguments, nioCore,
                nioPosix, nioSSL,
            ],
            swiftSettings: strict),
        .target(name: "LoopbackKit", swiftSettings: strict),
        .target(name: "ChaosKit", swiftSettings: strict),
        .executableTarget(
            name: "spanner-chaos",
            dependencies: [
                "ChaosKit", "LoopbackKit", "CRDT", "Spanner", "SpannerStore", "BoltAPI", "BoltClient", "Identity",
                arguments,
            ],
            swiftSettings: strict),
        .testTarget(name: "ChaosTests", dependencies: ["ChaosKit", "bolt"], swiftSettings: strict),
        .testTarget(name: "CRDTTests", dependencies: ["CRDT"], swiftSettings: strict),
        .testTarget(name: "SpannerTests", dependencies: ["CRDT", "Spanner", "SpannerTestKit"], swiftSettings: strict),
        .testTarget(
            name: "SpannerWireTests", dependencies: ["CRDT", "Spanner", "SpannerWire", nioCore],
            swiftSettings: strict),
        .testTarget(
            name: "SpannerStoreTests", dependencies: ["CRDT", "Spanner", "SpannerStore", "SpannerTestKit"],
            swiftSettings: strict),
        .testTarget(name: "IdentityTests", dependencies: ["CRDT", "Spanner", "Identity"], swiftSettings: strict),
        .testTarget(name: "VaultTests", dependencies: ["CRDT", "Spanner", "Identity", "Vault"], swiftSettings: strict),
        .testTarget(
            name: "SpannerTransportTests",
            dependencies: [
                "CRDT", "Spanner", "SpannerWire", "SpannerTransport", "Identity", "LoopbackKit", nioCore, nioPosix,
                nioSSL, logging,
            ],
            swiftSettings: strict),
        .testTarget(name: "ProgramsTests", dependencies: ["Programs"], swiftSettings: strict),
        .testTarget(name: "PolicyTests", dependencies: ["CRDT", "Spanner", "Policy"], swiftSettings: strict),
        .testTarget(
            name: "ConvergenceTests", dependencies: ["CRDT", "Spanner", "SpannerTestKit", "Policy", "Convergence"],
            swiftSettings: strict),
        .testTarget(name: "BoltAPITests", dependencies: ["CRDT", "Spanner", "BoltAPI"], swiftSettings: strict),
        .testTarget(
            name: "BoltClientTests",
            dependencies: [
                "Spanner", "BoltAPI", "BoltClient", "Identity", "LoopbackKit", nioCore, nioPosix, nioHTTP1, nioSSL,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BoltCtlTests",
            dependencies: [
                "CRDT", "Spanner", "Policy", "BoltAPI", "BoltClient", "Identity", "Vault", "boltctl", arguments,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BoltTests",
            dependencies: [
                "CRDT", "Spanner", "SpannerWire", "SpannerStore", "SpannerTestKit", "SpannerTransport", "Bolt",
                "BoltAPI", "Identity", "Policy", "Programs", "Vault", nioCore, nioPosix, logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "LeaseTests", dependencies: ["CRDT", "Spanner", "Identity", "Lease"], swiftSettings: strict),
        .testTarget(
            name: "EnvoyTests",
            dependencies: [
                "CRDT", "Spanner", "SpannerStore", "Envoy", "BoltAPI", "BoltClient", "Identity", "Policy",
                "Convergence",
                logging,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["CRDT", "Spanner", "SpannerTestKit"], swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "CRDT", "Spanner", "SpannerWire", "SpannerStore", "BoltAPI", "BoltClient", "Identity", "Vault",
                "LoopbackKit", nioCore, nioPosix, nioSSL, "bolt", "boltctl", "bolt-envoy", "spanner-sim",
            ],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ]
)
