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
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "patchbay",
    products: [
        .executable(name: "patchbay", targets: ["patchbay"]),
        .library(name: "PatchbaySDK", targets: ["PatchbaySDK"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    ],
    targets: [
        // The handler ABI and the SDK over it alone.
        .target(name: "CPatchbay", path: "sdk/c", sources: ["patchbay.c"], publicHeadersPath: "include"),
        .target(name: "PatchbaySDK", dependencies: ["CPatchbay"], path: "sdk/swift/Sources/PatchbaySDK"),

        // C and C++ behind C headers: JSON (simdjson), regular expressions (RE2), system calls and libcurl.
        .target(
            name: "CPatchbayJSON", dependencies: ["CPatchbay"],
            cxxSettings: [.unsafeFlags(["-O3", "-DNDEBUG"])],
            linkerSettings: [.linkedLibrary("simdjson"), .linkedLibrary("stdc++")]),
        .target(
            name: "CPatchbayRegex",
            linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")]),
        .target(name: "CPatchbaySystem", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CPatchbayCrypto", linkerSettings: [.linkedLibrary("crypto")]),

        // The host, bottom to top; imports point down only.
        library("PatchbayEvents", ["CPatchbay", "CPatchbayJSON", "CPatchbaySystem"]),
        library("PatchbayExpressions", ["PatchbayEvents", "CPatchbayJSON", "CPatchbayRegex"]),
        library("PatchbayResilience", []),
        library("PatchbayLog", ["PatchbayEvents"]),
        library("PatchbayTelemetry", ["PatchbayEvents", "CPatchbaySystem", logging, protobuf]),
        library("PatchbaySchemas", ["PatchbayEvents", "PatchbayExpressions"]),
        library("PatchbayModules", ["CPatchbay", "CPatchbayCrypto", "PatchbayEvents", "PatchbaySchemas", "PatchbayTelemetry", logging]),
        library("PatchbayRouting", ["PatchbayEvents", "PatchbayExpressions", "CPatchbayJSON"]),
        library("PatchbayDispatch", [
            "CPatchbay", "CPatchbayJSON", "CPatchbayCrypto", "CPatchbaySystem", "PatchbayEvents", "PatchbayLog",
            "PatchbayResilience", "PatchbayTelemetry",
        ]),
        library("PatchbayConfiguration", ["PatchbayEvents", "PatchbayExpressions", "PatchbaySchemas", yams]),
        library("PatchbayRuntime", [
            "CPatchbay", "CPatchbayJSON", "CPatchbaySystem", "PatchbayConfiguration", "PatchbayDispatch",
            "PatchbayEvents", "PatchbayExpressions", "PatchbayLog", "PatchbayModules", "PatchbayResilience",
            "PatchbayRouting", "PatchbaySchemas", "PatchbayTelemetry", logging,
        ]),
        .executableTarget(
            name: "patchbay", dependencies: ["PatchbayRuntime", "PatchbayConfiguration", "PatchbayModules", arguments],
            swiftSettings: strict),

        // Tests, conformance (`make conformance`) and benchmarks (`make bench`).
        tests("PatchbayEvents", ["CPatchbay", "CPatchbayJSON"]),
        tests("PatchbayExpressions", ["PatchbayEvents", "CPatchbayJSON"]),
        tests("PatchbayResilience", []),
        tests("PatchbayTelemetry", ["PatchbayEvents", logging, protobuf]),
        tests("PatchbaySchemas", ["PatchbayEvents"]),
        tests(
            "PatchbayModules", ["CPatchbay", "PatchbayEvents", "PatchbaySchemas", "PatchbayTelemetry", logging],
            exclude: ["Fixtures"]),
        tests("PatchbayRouting", ["PatchbayEvents", "PatchbayExpressions", "CPatchbayJSON"]),
        tests("PatchbayDispatch", [
            "CPatchbay", "CPatchbayJSON", "PatchbayEvents", "PatchbayLog", "PatchbayResilience", "PatchbayRouting",
            "PatchbayTelemetry",
        ]),
        tests("PatchbayConfiguration", ["PatchbayEvents", "PatchbaySchemas"]),
        tests("PatchbayRuntime", ["PatchbayConfiguration", "PatchbayEvents", "PatchbayModules"]),
        tests("PatchbaySDK", ["CPatchbay"]),
        .executableTarget(
            name: "patchbay-conformance",
            dependencies: [
                "PatchbayEvents", "PatchbayExpressions", "PatchbayResilience", "PatchbaySchemas", "PatchbayTelemetry",
                "CPatchbayJSON", protobuf,
            ],
            path: "Tests/Conformance", swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
