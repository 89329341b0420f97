// swift-tools-version: 6.2
import PackageDescription

// First-party modules. Each is a library of its own over the SDK; one package, so that the SDK is compiled once.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let sdk = Target.Dependency.product(name: "PatchbaySDK", package: "patchbay")
let testing = Target.Dependency.product(name: "PatchbaySDKTesting", package: "patchbay")

/// `Name/Sources` with its manifest.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: name, dependencies: [sdk, "HandlerKit"] + dependencies, path: "\(name)/Sources",
        exclude: ["manifest.json"], swiftSettings: strict,
        plugins: [.plugin(name: "PatchbayModule", package: "patchbay")])
}

/// `Name/Tests`. The test program holds all modules, each with an entry of the same name; no test enters by it.
func tests(_ name: String, exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name), "HandlerTestKit", sdk, testing],
        path: "\(name)/Tests",
        exclude: exclude, swiftSettings: strict,
        linkerSettings: [.unsafeFlags(["-Xlinker", "--allow-multiple-definition"])])
}

let package = Package(
    name: "patchbay-modules",
    products: [
        .library(name: "audit", type: .dynamic, targets: ["Audit"]),
        .library(name: "github", type: .dynamic, targets: ["GitHub"]),
        .library(name: "linear", type: .dynamic, targets: ["Linear"]),
        .library(name: "payment", type: .dynamic, targets: ["Payment"]),
        .library(name: "notification", type: .dynamic, targets: ["Notification"]),
        .library(name: "slack", type: .dynamic, targets: ["Slack"]),
    ],
    dependencies: [
        .package(path: "../sdk/patchbay"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.0.0"),
    ],
    targets: [
        .target(name: "HandlerKit", dependencies: [sdk], path: "HandlerKit/Sources", swiftSettings: strict),
        .target(name: "HandlerTestKit", path: "HandlerTestKit", swiftSettings: strict),
        tests("HandlerKit"),
        // SHA-256 from the system's libcrypto, for the modules that need it.
        .target(name: "CHandlerCrypto", path: "HandlerCrypto/C", linkerSettings: [.linkedLibrary("crypto")]),
        .target(
            name: "HandlerCrypto", dependencies: ["CHandlerCrypto"], path: "HandlerCrypto/Sources",
            swiftSettings: strict),
        tests("HandlerCrypto"),
        module("Audit", ["HandlerCrypto"]),
        tests("Audit"),
        module("GitHub"),
        tests("GitHub"),
        module("Linear", ["HandlerCrypto"]),
        tests("Linear"),
        module("Notification", ["HandlerCrypto", .product(name: "Mustache", package: "swift-mustache")]),
        tests("Notification"),
        module("Payment", ["HandlerCrypto"]),
        tests("Payment", exclude: ["server", "faults"]),
        module("Slack"),
        tests("Slack"),
    ]
)
