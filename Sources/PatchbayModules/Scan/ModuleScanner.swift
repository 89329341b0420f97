import Glibc
import PatchbayEvents

/// Judges module files by their bytes: nothing is opened with `dlopen`, no code of theirs runs.
package struct ModuleScanner: Sendable {
    package let profile: HostProfile
    private let trust: ModuleTrust

    package init(profile: HostProfile = HostProfile(), trust: ModuleTrust = .anyone) {
        self.profile = profile
        self.trust = trust
    }

    /// Every `.so` (and `.so.N`) of a folder, hidden files and sub-folders excepted, and further files.
    ///
    /// Several paths of one file count once. Of files of one module the one of the highest version is kept, of files that
    /// exclude each other otherwise the first by path.
    ///
    /// - Parameters:
    ///   - files: beside the folder's; those that `areNamed` have names of their own in the configuration, so that they
    ///     may be builds of one module.
    ///   - pins: SHA-256 of files that are kept whatever their version, in hexadecimal.
    /// - Errors: `unreadable` when the folder cannot be listed; all else is a finding.
    package func scan(
        directory: String?, files: [String] = [], areNamed: Bool = false, pins: [String] = []
    ) throws(ModuleError) -> ModuleScan {
        let named = Set(areNamed ? files.map(Self.resolved) : [])
        guard let directory else { return scan(files, named, pins) }
        var scan = scan(files + (try Self.list(directory)), named, pins)
        scan.warnings = Self.warnings(ofDirectory: directory)
        return scan
    }

    /// These files; what is wrong with one is a finding.
    package func scan(files paths: [String], areNamed: Bool = false, pins: [String] = []) -> ModuleScan {
        scan(paths, Set(areNamed ? paths.map(Self.resolved) : []), pins)
    }

    private func scan(_ paths: [String], _ named: Set<String>, _ pins: [String]) -> ModuleScan {
        var scan = ModuleScan()
        var seen: Set<String> = []
        for path in paths where seen.insert(Self.resolved(path)).inserted {
            scan.findings.append(inspect(file: path))
        }
        scan.findings.sort { $0.path < $1.path }
        scan.findings = ModuleConflicts.rejecting(in: scan.findings, named: named, pins: pins)
        return scan
    }

    /// One file by itself; conflicts with others are `scan`'s to find.
    package func inspect(file path: String) -> ModuleFinding {
        do {
            return .accepted(try examine(path))
        } catch {
            return .rejected(error)
        }
    }

    private func examine(_ path: String) throws(ModuleError) -> ModuleFile {
        let contents = try FileContents(path: path)
        try ModuleOwnership.check(contents, at: path)
        let image: ELFImage
        do {
            image = try ELFImage(bytes: contents.bytes)
        } catch {
            throw Self.rejection(of: error, path)
        }
        try checkMachine(image, path)
        let manifest = try manifest(of: image, path)
        try checkEntry(image, path)
        try checkServices(manifest, path)
        try ModuleLanguage.check(manifest, against: image, host: profile, path)
        let hash = try Self.hash(of: contents, path)
        try trust.check(path, hash: hash)
        try trust.checkPlaces(image, of: path)
        var libraries: [ModuleFile.Library] = []
        for library in BundledLibraries.of(image, at: path) {
            libraries.append(
                ModuleFile.Library(
                    soname: library.soname, path: library.path, relativePath: library.relativePath,
                    contentHash: try trust.contents(of: library.path).hash))
        }
        return ModuleFile(
            path: path, manifest: manifest, contentHash: hash, bytes: contents.bytes.count, image: image,
            libraries: libraries, warnings: warnings(manifest, image, path))
    }

    static func hash(of contents: FileContents, _ path: String) throws(ModuleError) -> ContentHash {
        guard let hash = ContentHash(of: contents.bytes) else {
            throw ModuleError(
                .unreadable, file: path, "cannot be hashed with SHA-256",
                remedy: "check the policy of the system's libcrypto")
        }
        return hash
    }

    private static func rejection(of error: ELFError, _ path: String) -> ModuleError {
        switch error.code {
        case .notELF:
            ModuleError(
                .notELF, file: path, "is not an ELF file",
                remedy: "keep only modules in this folder, or build it for Linux")
        case .unsupportedClass:
            ModuleError(
                .wrongMachine, file: path, error.message, remedy: "build the module for this machine")
        default:
            ModuleError(
                .malformedELF, file: path, "is damaged: \(error.message), at offset \(error.offset)",
                remedy: "copy or build it again")
        }
    }

    private func checkMachine(_ image: ELFImage, _ path: String) throws(ModuleError) {
        guard image.machine == profile.machine else {
            throw ModuleError(
                .wrongMachine, file: path,
                "is built for \(HostProfile.name(ofMachine: image.machine)), this host runs on "
                    + HostProfile.name(ofMachine: profile.machine),
                remedy: "build the module for this machine")
        }
        guard image.isSharedObject else {
            throw ModuleError(
                .notSharedObject, file: path, "is a program or an object file, not a shared library",
                remedy: "link it with -shared")
        }
    }

    private func manifest(of image: ELFImage, _ path: String) throws(ModuleError) -> Manifest {
        guard !image.notes.isEmpty else {
            throw ModuleError(
                .noManifest, file: path, "has no manifest note (\(ELFNotes.section))",
                remedy: "write PATCHBAY_MANIFEST in the module; move libraries that modules need to a sub-folder")
        }
        let fitting = image.notes.filter { $0.major == profile.abiMajor }
        guard let note = fitting.first else {
            let majors = image.notes.map { String($0.major) }.joined(separator: ", ")
            throw wrongABI(path, "is built for ABI major \(majors)")
        }
        guard fitting.count == 1 else {
            throw ModuleError(
                .badManifest, file: path, "has \(fitting.count) manifests for ABI major \(profile.abiMajor)",
                remedy: "write PATCHBAY_MANIFEST once per module")
        }
        let manifest: Manifest
        do {
            manifest = try Manifest(json: note.text)
        } catch {
            throw ModuleError(
                .badManifest, file: path, "has an invalid manifest: \(error.message)",
                remedy: "correct these keys and build the module again")
        }
        guard manifest.abiMajor == note.major else {
            throw wrongABI(path, "says ABI major \(manifest.abiMajor) in a note of major \(note.major)")
        }
        return manifest
    }

    private func wrongABI(_ path: String, _ found: String) -> ModuleError {
        ModuleError(
            .wrongABI, file: path, "\(found), this host offers \(profile.abiMajor)",
            remedy: "build the module with a header of major \(profile.abiMajor)")
    }

    private func checkEntry(_ image: ELFImage, _ path: String) throws(ModuleError) {
        guard !image.exports.entryMajors.contains(profile.abiMajor) else { return }
        let entry = "\(ELFDynamic.entryPrefix)\(profile.abiMajor)"
        throw ModuleError(
            .missingEntry, file: path, "does not export \(entry)",
            remedy: "define \(entry) with PATCHBAY_EXPORT, and name it in the version script if there is one")
    }

    private func checkServices(_ manifest: Manifest, _ path: String) throws(ModuleError) {
        let missing = manifest.requires.filter { !profile.services.contains(HostServiceID.current($0)) }
        guard !missing.isEmpty else { return }
        throw ModuleError(
            .missingService, file: path, "requires \(missing.joined(separator: ", ")), which this host lacks",
            remedy: "use a host that has it; this one offers \(profile.services.sorted().joined(separator: ", "))")
    }

    private func warnings(
        _ manifest: Manifest, _ image: ELFImage, _ path: String
    ) -> [ModuleWarning] {
        var warnings: [ModuleWarning] = []
        let extra = image.exports.count - image.exports.entryMajors.count
        if extra > 0 {
            let names = image.exports.others.prefix(3).joined(separator: ", ") + (extra > 3 ? ", …" : "")
            warnings.append(
                ModuleWarning(
                    code: .extraExports, message: "exports \(extra) more than its entry: \(names)",
                    remedy: "hide them with -fvisibility=hidden or a version script", file: path))
        }
        if manifest.abiMinor > profile.abiMinor {
            warnings.append(
                ModuleWarning(
                    code: .newerMinor,
                    message: "is built with ABI minor \(manifest.abiMinor), this host offers \(profile.abiMinor)",
                    remedy: "nothing, if it checks for what it uses; else use a newer host", file: path))
        }
        return warnings
    }
}
