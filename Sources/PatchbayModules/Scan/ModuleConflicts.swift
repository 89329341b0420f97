/// Finds accepted files that cannot be used beside each other.
enum ModuleConflicts {
    /// The findings, sorted by path, with every file rejected that clashes with another one. Of files of one module that
    /// with a pin is kept, else the one of the highest version, else the first; of other clashes the first.
    ///
    /// - Parameters:
    ///   - named: resolved paths of files whose names are not their modules': these may be of one module.
    ///   - pins: SHA-256 of files that somebody asks for, in hexadecimal.
    static func rejecting(in findings: [ModuleFinding], named: Set<String>, pins: [String]) -> [ModuleFinding] {
        func isNamed(_ file: ModuleFile) -> Bool { named.contains(ModuleScanner.resolved(file.path)) }
        func isPinned(_ file: ModuleFile) -> Bool { pins.contains { file.contentHash.matches(pin: $0) } }
        var chosen: [String: ModuleFile] = [:]
        for file in findings.compactMap(\.accepted) where !isNamed(file) {
            let name = file.manifest.name
            guard let other = chosen[name] else {
                chosen[name] = file
                continue
            }
            let (isFirst, isSecond) = (isPinned(file), isPinned(other))
            if isFirst == isSecond ? isNewer(file, than: other) : isFirst { chosen[name] = file }
        }
        var kept: [ModuleFile] = []
        var bundled: [String: (module: String, library: String)] = [:]
        return findings.map { finding in
            guard case .accepted(let file) = finding else { return finding }
            if let other = chosen[file.manifest.name], other.path != file.path, !isNamed(file) {
                return .rejected(duplicate(file, of: other))
            }
            if let error = clash(of: file, with: kept) ?? bundledClash(of: file, with: &bundled) {
                return .rejected(error)
            }
            kept.append(file)
            return finding
        }
    }

    private static func isNewer(_ file: ModuleFile, than other: ModuleFile) -> Bool {
        // A manifest with another version is refused before.
        guard let version = SemanticVersion(file.manifest.version),
            let present = SemanticVersion(other.manifest.version)
        else { return false }
        return version > present
    }

    private static func duplicate(_ file: ModuleFile, of other: ModuleFile) -> ModuleError {
        let what =
            if other.contentHash == file.contentHash {
                "is a copy of"
            } else if other.manifest.version == file.manifest.version {
                "is another build of"
            } else {
                "is version \(file.manifest.version) of"
            }
        return ModuleError(
            .duplicateModule, file: file.path,
            "\(what) \(other.manifest.name) \(other.manifest.version), which \(other.path) provides",
            remedy: "remove one of the two, or give one of them another name")
    }

    private static func clash(of file: ModuleFile, with kept: [ModuleFile]) -> ModuleError? {
        guard let soname = file.image.soname,
            let other = kept.first(where: { $0.image.soname == soname && $0.manifest.name != file.manifest.name })
        else { return nil }
        return ModuleError(
            .duplicateSONAME, file: file.path, "has the SONAME \(soname) of \(other.path)",
            remedy: "link it with a SONAME of its own, or with none")
    }

    /// The loader opens a SONAME once: the second module would run with the first one's library.
    private static func bundledClash(
        of file: ModuleFile, with bundled: inout [String: (module: String, library: String)]
    ) -> ModuleError? {
        let libraries = file.libraries
        for library in libraries {
            let path = ModuleScanner.resolved(library.path)
            guard let other = bundled[library.soname], other.library != path,
                !haveSameContents(other.library, path)
            else { continue }
            return ModuleError(
                .duplicateSONAME, file: file.path,
                "bundles \(library.soname), of which \(other.module) bundles another build",
                remedy: "ship one build of \(library.soname) with both, or link it statically")
        }
        for library in libraries where bundled[library.soname] == nil {
            bundled[library.soname] = (file.path, ModuleScanner.resolved(library.path))
        }
        return nil
    }

    private static func haveSameContents(_ a: String, _ b: String) -> Bool {
        do {
            return try FileContents(path: a).bytes == FileContents(path: b).bytes
        } catch {
            return false
        }
    }
}
