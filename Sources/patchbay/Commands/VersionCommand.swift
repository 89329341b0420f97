import ArgumentParser
import CPatchbayJSON
import PatchbayEvents
import PatchbayModules

/// `patchbay version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version, and what modules have to fit.",
        discussion: """
            A C module runs when its ABI major is the host's. A Swift module has to be built with the same Swift, too.

            EXAMPLES
              patchbay version
              patchbay version --json
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() {
        let profile = HostProfile()
        let abi = "\(profile.abiMajor).\(profile.abiMinor)"
        let kernel = String(cString: pbj_kernel())
        if json {
            Output.json(
                .object([
                    ("version", .string(Version.text)), ("abi", .string(abi)),
                    ("swift", .string(profile.swiftVersion)), ("simdjson", .string(kernel)),
                    ("services", .list(profile.services.sorted().map { .string($0) })),
                ]))
        } else {
            Output.line(
                """
                patchbay  \(Version.text)
                ABI       \(abi), with \(profile.services.sorted().joined(separator: ", "))
                Swift     \(profile.swiftVersion.isEmpty ? "no Swift module runs in this build" : profile.swiftVersion)
                simdjson  \(kernel) kernel
                """)
        }
    }
}
