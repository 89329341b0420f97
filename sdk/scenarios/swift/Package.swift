// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "scenarios",
    products: [.library(name: "scenarios", type: .dynamic, targets: ["Scenarios"])],
    dependencies: [.package(path: "../../patchbay")],
    targets: [
        .target(
            name: "Scenarios",
            dependencies: [.product(name: "PatchbaySDK", package: "patchbay")],
            plugins: [.plugin(name: "PatchbayModule", package: "patchbay")])
    ]
)
