import Glibc

/// Where the dynamic linker looks for what a module needs, beyond the copies of the libraries beside it: run paths, and
/// libraries that are needed by their path. Whoever may put files there would have code of theirs in the module.
enum LibraryPlaces {
    /// Judges a module, or a library that is loaded with one. Nothing is said of names that the linker finds by itself.
    ///
    /// - Parameter onlyRoots: where others than root may put files, libraries had to be signed as the module is.
    /// - Errors: `worldWritable`, `notSigned`.
    static func check(_ image: ELFImage, of file: String, onlyRoots: Bool) throws(ModuleError) {
        for runPath in image.runPaths {
            guard let folder = try absolute(runPath, of: file, onlyRoots: onlyRoots) else { continue }
            try check(folder, of: file, onlyRoots: onlyRoots)
            for name in image.needed where !name.contains("/") && access("\(folder)/\(name)", F_OK) == 0 {
                try check("\(folder)/\(name)", of: file, onlyRoots: onlyRoots)
            }
        }
        for name in image.needed where name.contains("/") {
            guard let library = try absolute(name, of: file, onlyRoots: onlyRoots) else { continue }
            try check(library, of: file, onlyRoots: onlyRoots)
        }
    }

    /// The place that a run path means; `nil` for one below the module's own folder, of which there is a private copy.
    private static func absolute(
        _ path: String, of file: String, onlyRoots: Bool
    ) throws(ModuleError) -> String? {
        if let rest = rest(ofOrigin: path) {
            guard !leavesCopies(rest) else {
                throw ModuleError(
                    .worldWritable, file: file,
                    "looks for libraries in \(path), which leads out of the folder that it is copied to",
                    remedy: Self.remedy)
            }
            return nil
        }
        if onlyRoots, path.contains("$") { throw unsigned(path, path, file) }
        if path.hasPrefix("/") { return path }
        guard let current = getcwd(nil, 0) else { return "/\(path)" }
        defer { free(current) }
        return "\(String(cString: current))/\(path)"
    }

    /// What follows `$ORIGIN`; `nil` for another path.
    private static func rest(ofOrigin path: String) -> Substring? {
        for prefix in ["$ORIGIN", "${ORIGIN}"] where path.hasPrefix(prefix) {
            let rest = path.dropFirst(prefix.utf8.count)
            if rest.isEmpty || rest.first == "/" { return rest }
        }
        return nil
    }

    /// A copy has a folder of its own in a folder of the host's: one step up nobody else has anything.
    private static func leavesCopies(_ path: Substring) -> Bool {
        var depth = 0
        for part in path.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < -1 { return true }
        }
        return false
    }

    /// As it is written, and where links lead.
    private static func check(_ path: String, of file: String, onlyRoots: Bool) throws(ModuleError) {
        var place = path
        var status = stat()
        // Who may write there may make what is missing.
        while stat(place, &status) != 0, place != "/" { place = Folder.parent(of: place) }
        try checkUpwards(place, for: path, of: file, onlyRoots: onlyRoots)
        let resolved = ModuleScanner.resolved(place)
        if resolved != place { try checkUpwards(resolved, for: path, of: file, onlyRoots: onlyRoots) }
    }

    private static func checkUpwards(
        _ start: String, for path: String, of file: String, onlyRoots: Bool
    ) throws(ModuleError) {
        var place = start
        // Whose the next part of the path is; nobody's yet at its end.
        var owner: UInt32?
        while true {
            var status = stat()
            guard stat(place, &status) == 0 else { return }
            let isSafe = status.st_mode & S_ISVTX != 0 && (owner == 0 || (owner == geteuid() && !onlyRoots))
            if status.st_mode & S_IWOTH != 0, !isSafe {
                throw ModuleError(
                    .worldWritable, file: file,
                    "looks for libraries in \(path), and every user of this machine may write to \(place)",
                    remedy: "chmod o-w \(place), or \(Self.remedy)")
            }
            let isGroups = status.st_mode & S_IWGRP != 0 && status.st_gid != 0 && !isSafe
            if onlyRoots, status.st_uid != 0 || isGroups { throw unsigned(path, place, file) }
            if place == "/" { return }
            owner = status.st_uid
            place = Folder.parent(of: place)
        }
    }

    private static func unsigned(_ path: String, _ place: String, _ file: String) -> ModuleError {
        ModuleError(
            .notSigned, file: file,
            "looks for libraries in \(path), where they need no signature, and others than root may write to \(place)",
            remedy: "\(Self.remedy), each with its own signature")
    }

    private static let remedy =
        "link it with the run path $ORIGIN alone (patchelf --set-rpath '$ORIGIN'), and put libraries beside it"
}
