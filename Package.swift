// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies, exclude: exclude,
        swiftSettings: strict)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// Modules export one symbol. In release builds only: test programs link the SDK, too, and keep theirs. Debian's gold
/// would leave local symbols in the dynamic table.
let moduleLinking = LinkerSetting.unsafeFlags(
    [
        "-use-ld=lld", "-Xlinker", "-Bsymbolic", "-Xlinker",
        "--version-script=\(Context.packageDirectory)/sdk/swift/patchbay-module.map",
    ], .when(configuration: .release))

let package = Package(
    name: "patchbay",
    products: [
        .executable(name: "patchbay", targets: ["patchbay"]),
        .executable(name: "patchbay-worker", targets: ["patchbay-worker"]),
        .library(name: "PatchbaySDK", targets: ["PatchbaySDK"]),
        .library(name: "PatchbaySDKTesting", targets: ["PatchbaySDKTesting"]),
        .plugin(name: "PatchbayModule", targets: ["PatchbayModule"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.0.0"),
    ],
    targets: [
        // The handler ABI and the SDK over it alone.
        .target(name: "CPatchbay", path: "sdk/c", sources: ["patchbay.c"], publicHeadersPath: "include"),
        .target(
            name: "PatchbaySDK", dependencies: ["CPatchbay"], path: "sdk/swift/Sources/PatchbaySDK",
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")], linkerSettings: [moduleLinking]),
        .target(
            name: "PatchbaySDKTesting", dependencies: ["CPatchbay", "PatchbaySDK"],
            path: "sdk/swift/Sources/PatchbaySDKTesting", swiftSettings: strict),
        .executableTarget(
            name: "patchbay-module", path: "sdk/swift/Sources/patchbay-module", swiftSettings: strict),
        .plugin(
            name: "PatchbayModule", capability: .buildTool(), dependencies: ["patchbay-module"],
            path: "sdk/swift/Plugins/PatchbayModule"),
        // The SDK's C headers as data, for `patchbay new`.
        .target(name: "CPatchbayHeaders"),

        // C and C++ behind C headers: JSON (simdjson), regular expressions (RE2), system calls and libcurl, libffi.
        .target(
            name: "CPatchbayJSON", dependencies: ["CPatchbay"],
            cxxSettings: [.unsafeFlags(["-O3", "-DNDEBUG"])],
            linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]),
        .target(
            name: "CPatchbayRegex",
            linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")]),
        .target(name: "CPatchbaySystem", dependencies: ["CPatchbay"], linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CPatchbayFFI", linkerSettings: [.linkedLibrary("ffi")]),
        .target(name: "CPatchbayCrypto", linkerSettings: [.linkedLibrary("crypto")]),
        // The handler ABI between two processes, and the program that runs isolated modules.
        .target(name: "CPatchbayIsolation", dependencies: ["CPatchbay"], cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "patchbay-worker", dependencies: ["CPatchbay", "CPatchbayFFI", "CPatchbayIsolation"],
            cSettings: [.headerSearchPath("../CPatchbayIsolation"), .unsafeFlags(["-O2"])],
            // No Swift runtime: a module may bring one of its own.
            linkerSettings: [.unsafeFlags(["-nostartfiles", "-static-stdlib"])]),

        // The host, bottom to top; imports point down only.
        library("PatchbayEvents", ["CPatchbay", "CPatchbayJSON", "CPatchbayCrypto", "CPatchbaySystem"]),
        library("PatchbayExpressions", ["PatchbayEvents", "CPatchbayJSON", "CPatchbayRegex"]),
        library("PatchbayResilience", []),
        library("PatchbaySchedule", ["PatchbayEvents"]),
        library("PatchbayLog", ["CPatchbayJSON", "CPatchbaySystem", "PatchbayEvents", "PatchbayResilience"]),
        library("PatchbayViews", ["CPatchbaySystem", "PatchbayEvents", "PatchbayLog", grdb]),
        .target(
            name: "PatchbayTelemetry", dependencies: ["PatchbayEvents", "CPatchbaySystem", logging, protobuf],
            exclude: ["OTLP/Generated/README.md"], swiftSettings: strict),
        library("PatchbayTransfers", ["CPatchbaySystem", "PatchbayEvents", "PatchbayTelemetry"]),
        library("PatchbaySchemas", ["PatchbayEvents", "PatchbayExpressions"]),
        library(
            "PatchbayModules",
            [
                "CPatchbay", "CPatchbayCrypto", "CPatchbayIsolation", "CPatchbaySystem", "PatchbayEvents",
                "PatchbayLog", "PatchbaySchemas", "PatchbayTelemetry", "PatchbayTransfers", logging,
            ]),
        library("PatchbayRouting", ["PatchbayEvents", "PatchbayExpressions", "CPatchbayJSON"]),
        library(
            "PatchbayDispatch",
            [
                "CPatchbay", "CPatchbayJSON", "CPatchbaySystem", "PatchbayEvents", "PatchbayLog",
                "PatchbayResilience", "PatchbayTelemetry",
            ]),
        library(
            "PatchbayConfiguration",
            ["PatchbayEvents", "PatchbayExpressions", "PatchbayRouting", "PatchbaySchedule", "PatchbaySchemas", yams]),
        library(
            "PatchbayRuntime",
            [
                "CPatchbay", "CPatchbayFFI", "CPatchbayJSON", "CPatchbaySystem", "PatchbayConfiguration",
                "PatchbayDispatch",
                "PatchbayEvents", "PatchbayExpressions", "PatchbayLog", "PatchbayModules", "PatchbayResilience",
                "PatchbayRouting", "PatchbaySchedule", "PatchbaySchemas", "PatchbayTelemetry", "PatchbayTransfers",
                logging,
            ]),
        .executableTarget(
            name: "patchbay",
            dependencies: [
                "CPatchbayHeaders", "CPatchbayJSON", "CPatchbaySystem", "PatchbayConfiguration", "PatchbayEvents",
                "PatchbayDispatch", "PatchbayLog", "PatchbayModules", "PatchbayRouting", "PatchbayRuntime",
                "PatchbayTelemetry", "PatchbayViews",
                arguments, logging,
            ],
            swiftSettings: strict),

        // Tests, conformance (`make conformance`) and benchmarks (`make bench`).
        .target(name: "PatchbayTestKit", path: "Tests/TestKit", swiftSettings: strict),
        tests("PatchbayEvents", ["CPatchbay", "CPatchbayJSON", "PatchbayTestKit"]),
        tests("PatchbayExpressions", ["PatchbayEvents", "CPatchbayJSON", "PatchbayTestKit"], exclude: ["Fixtures"]),
        tests("PatchbayResilience", []),
        tests("PatchbaySchedule", ["PatchbayEvents"]),
        tests(
            "PatchbayTelemetry", ["PatchbayEvents", "PatchbayTestKit", logging, protobuf], exclude: ["otlp_oracle.py"]),
        tests("PatchbayTransfers", ["CPatchbaySystem", "PatchbayEvents", "PatchbayTelemetry", "PatchbayTestKit"]),
        tests("PatchbaySchemas", ["PatchbayEvents", "PatchbayTestKit"]),
        tests(
            "PatchbayModules",
            [
                "CPatchbay", "CPatchbayIsolation", "CPatchbaySystem", "PatchbayEvents", "PatchbayLog",
                "PatchbaySchemas", "PatchbayTelemetry", "PatchbayTestKit", "PatchbayTransfers", logging,
            ], exclude: ["Fixtures"]),
        tests("PatchbayLog", ["CPatchbayJSON", "CPatchbaySystem", "PatchbayEvents", "PatchbayResilience"]),
        tests("PatchbayRouting", ["PatchbayEvents", "PatchbayExpressions", "CPatchbayJSON"]),
        tests(
            "PatchbayDispatch",
            [
                "CPatchbay", "CPatchbayJSON", "PatchbayEvents", "PatchbayLog", "PatchbayResilience", "PatchbayRouting",
                "PatchbayTelemetry",
            ]),
        // What is between threads, for the thread sanitizer, too.
        .testTarget(
            name: "PatchbayStressTests",
            dependencies: [
                "CPatchbay", "CPatchbayJSON", "CPatchbaySystem", "PatchbayDispatch", "PatchbayEvents", "PatchbayLog",
                "PatchbayResilience", "PatchbayTelemetry", "PatchbayTestKit", "PatchbayTransfers",
            ],
            swiftSettings: strict),
        // The whole runtime in one thread, with crashes and a faulty disk: `make simulate`.
        .testTarget(
            name: "PatchbaySimulationTests",
            dependencies: [
                "CPatchbay", "CPatchbayJSON", "PatchbayConfiguration", "PatchbayDispatch", "PatchbayEvents",
                "PatchbayLog", "PatchbayModules", "PatchbayResilience", "PatchbayRouting", "PatchbayRuntime",
                "PatchbayTelemetry", logging,
            ],
            swiftSettings: strict),
        tests("PatchbayConfiguration", ["PatchbayEvents", "PatchbaySchemas", "PatchbayTestKit"]),
        tests(
            "PatchbayRuntime",
            [
                "CPatchbay", "CPatchbayJSON", "CPatchbaySystem", "PatchbayConfiguration", "PatchbayDispatch",
                "PatchbayEvents", "PatchbayLog", "PatchbayModules", "PatchbayResilience", "PatchbayRouting",
                "PatchbayTelemetry", "PatchbayTestKit", "PatchbayTransfers", "PatchbayViews", logging,
            ]),
        tests("PatchbaySDK", ["CPatchbay", "PatchbaySDKTesting", "patchbay", "patchbay-module"]),
        .executableTarget(
            name: "patchbay-conformance",
            dependencies: [
                "PatchbayEvents", "PatchbayExpressions", "PatchbayResilience", "PatchbaySchedule", "PatchbaySchemas",
                "PatchbayTelemetry",
                "CPatchbayJSON", protobuf,
            ],
            path: "Tests/Conformance", swiftSettings: strict),
        .executableTarget(
            name: "patchbay-bench",
            dependencies: [
                "CPatchbay", "CPatchbayJSON", "PatchbayEvents", "PatchbayExpressions", "PatchbayLog", "PatchbayModules",
                "PatchbayRouting", "PatchbayTelemetry", logging,
            ],
            path: "Tests/Benchmarks", exclude: ["Support", "SwiftModule"], swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)

// The thread sanitizer's build has the tests of what is between threads, and with `--product patchbayPackageTests`
// only what these need.
if Context.environment["PATCHBAY_STRESS_ONLY"] != nil {
    package.targets.removeAll { $0.type == .test && $0.name != "PatchbayStressTests" }
}
