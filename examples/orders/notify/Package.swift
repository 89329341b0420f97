// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "notify",
    products: [.library(name: "notify", type: .dynamic, targets: ["Notify"])],
    dependencies: [.package(path: "../../../sdk/patchbay")],
    targets: [
        .target(
            name: "Notify",
            dependencies: [.product(name: "PatchbaySDK", package: "patchbay")],
            plugins: [.plugin(name: "PatchbayModule", package: "patchbay")])
    ]
)
