/// Whether the language runtime that a manifest names is the one that the file has, and one that can run in this host.
enum ModuleLanguage {
    private static let swiftRuntime = "libswiftCore.so"

    static func check(
        _ manifest: Manifest, against image: ELFImage, host: HostProfile, _ path: String
    ) throws(ModuleError) {
        let needsRuntime = image.needed.contains(swiftRuntime)
        guard manifest.runtime == .swift else {
            guard !image.hasSwiftSections, !needsRuntime else {
                throw lie(path, "says runtime '\(manifest.runtime.rawValue)', but holds Swift code")
            }
            return
        }
        switch manifest.linkage {
        case .shared:
            guard needsRuntime else { throw lie(path, "says linkage 'shared', but does not need \(swiftRuntime)") }
            try checkVersion(manifest, host: host, path)
        case .static:
            guard !needsRuntime else { throw lie(path, "says linkage 'static', but needs \(swiftRuntime)") }
            guard !host.takesOtherSwift else { return }
            throw ModuleError(
                .bundledSwift, file: path,
                "brings a Swift runtime of its own, which does not run beside the host's",
                remedy: "set isolation: process for it, or build it without -static-stdlib, with the Swift "
                    + "\(host.swiftVersion) compiler")
        }
    }

    private static func checkVersion(_ manifest: Manifest, host: HostProfile, _ path: String) throws(ModuleError) {
        guard !host.takesOtherSwift else { return }
        let found = majorMinor(manifest.runtimeVersion)
        guard let found, found == majorMinor(host.swiftVersion) else {
            let version = manifest.runtimeVersion.isEmpty ? "an unnamed version" : manifest.runtimeVersion
            throw ModuleError(
                .foreignSwift, file: path,
                "is built with Swift \(version), this host with \(host.swiftVersion): Swift on Linux has no ABI "
                    + "across compiler versions",
                remedy: "rebuild the module with Swift \(host.swiftVersion), or set isolation: process for it")
        }
    }

    /// The first two numbers of `6.3.1`; `nil` for anything else.
    private static func majorMinor(_ version: String) -> [Int]? {
        let parts = version.split(separator: ".", omittingEmptySubsequences: false).prefix(2).map { Int($0) }
        let numbers = parts.compactMap { $0 }
        return numbers.count == 2 ? numbers : nil
    }

    private static func lie(_ path: String, _ message: String) -> ModuleError {
        ModuleError(.lyingManifest, file: path, message, remedy: "make the manifest agree with how the module is built")
    }
}
