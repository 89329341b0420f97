// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "greeter",
    products: [.library(name: "greeter", type: .dynamic, targets: ["Greeter"])],
    dependencies: [.package(path: "../../../patchbay")],
    targets: [
        .target(
            name: "Greeter",
            dependencies: [.product(name: "PatchbaySDK", package: "patchbay")],
            plugins: [.plugin(name: "PatchbayModule", package: "patchbay")])
    ]
)
