// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "noop",
    products: [.library(name: "noop", type: .dynamic, targets: ["Noop"])],
    dependencies: [.package(path: "../../../sdk/patchbay")],
    targets: [
        .target(
            name: "Noop", dependencies: [.product(name: "PatchbaySDK", package: "patchbay")],
            plugins: [.plugin(name: "PatchbayModule", package: "patchbay")])
    ]
)
