// swift-tools-version: 6.2
import PackageDescription

// The SDK alone, for a module that depends on it by path: `.package(path: "…/sdk/patchbay")`, which is this folder
// under the name that the whole repository has as a package, so that products are named alike either way.
let package = Package(
    name: "patchbay",
    products: [
        .library(name: "PatchbaySDK", targets: ["PatchbaySDK"]),
        .library(name: "PatchbaySDKTesting", targets: ["PatchbaySDKTesting"]),
        .plugin(name: "PatchbayModule", targets: ["PatchbayModule"]),
    ],
    targets: [
        .target(name: "CPatchbay", sources: ["patchbay.c"], publicHeadersPath: "include"),
        .target(
            name: "PatchbaySDK", dependencies: ["CPatchbay"],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableExperimentalFeature("Lifetimes"),
            ],
            // Release alone: a sanitizer's test program must keep its own symbols visible.
            linkerSettings: [
                .unsafeFlags(
                    [
                        "-use-ld=lld", "-Xlinker", "-Bsymbolic",
                        "-Xlinker", "--version-script=\(Context.packageDirectory)/patchbay-module.map",
                    ], .when(configuration: .release))
            ]),
        .target(
            name: "PatchbaySDKTesting", dependencies: ["CPatchbay", "PatchbaySDK"],
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
            ]),
        // Makes a module's entry from its manifest. Over the SDK's JSON alone, which it shares as a symbolic link.
        .executableTarget(
            name: "patchbay-module",
            swiftSettings: [
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("InternalImportsByDefault"),
            ]),
        .plugin(name: "PatchbayModule", capability: .buildTool(), dependencies: ["patchbay-module"]),
    ]
)
