/// Finds accepted files that cannot be used beside each other.
enum ModuleConflicts {
    /// The findings with every file rejected that clashes with an earlier one.
    ///
    /// - Parameter named: resolved paths of files whose names are not their modules': these may be the same.
    static func rejectingLater(in findings: [ModuleFinding], named: Set<String> = []) -> [ModuleFinding] {
        var kept: [(file: ModuleFile, isNamed: Bool)] = []
        var bundled: [String: (module: String, library: String)] = [:]
        return findings.map { finding in
            guard case .accepted(let file) = finding else { return finding }
            let isNamed = named.contains(ModuleScanner.resolved(file.path))
            let others = kept.filter { !($0.isNamed || isNamed) || $0.file.manifest.name != file.manifest.name }
            if let error = clash(of: file, with: others.map(\.file)) ?? bundledClash(of: file, with: &bundled) {
                return .rejected(error)
            }
            kept.append((file, isNamed))
            return finding
        }
    }

    private static func clash(of file: ModuleFile, with kept: [ModuleFile]) -> ModuleError? {
        let name = file.manifest.name
        for other in kept {
            if other.manifest.name == name {
                let what =
                    if other.contentHash == file.contentHash {
                        "is a copy of"
                    } else if other.manifest.version
                        == file.manifest.version
                    { "is another build of" } else { "is version \(file.manifest.version) of" }
                return ModuleError(
                    .duplicateModule, file: file.path,
                    "\(what) \(name) \(other.manifest.version), which \(other.path) provides",
                    remedy: "remove one of the two, or give one of them another name")
            }
            if let soname = file.image.soname, soname == other.image.soname, other.manifest.name != name {
                return ModuleError(
                    .duplicateSONAME, file: file.path, "has the SONAME \(soname) of \(other.path)",
                    remedy: "link it with a SONAME of its own, or with none")
            }
        }
        return nil
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
