import Glibc

/// Where this program and what belongs to it lie.
enum Installation {
    /// What a Makefile calls this program, quoted for the shell.
    static var command: String { executable?.shellQuoted ?? "patchbay" }

    /// A language's SDK, found by walking up from this program; `nil` when it is not there.
    static func sdkPath(_ package: (folder: String, file: String)) -> String? {
        guard var folder = executable?[...] else { return nil }
        while let slash = folder.lastIndex(of: "/") {
            folder = folder[..<slash]
            if let found = self.package(at: "\(folder)/sdk/\(package.folder)", file: package.file) { return found }
        }
        return nil
    }

    /// The folder's absolute path when the file that makes it a package is in it. Its last name stays what was written, because a
    /// package by path is called after it.
    static func package(at path: String, file: String) -> String? {
        guard access("\(path)/\(file)", R_OK) == 0 else { return nil }
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let name = trimmed.split(separator: "/").last.map(String.init) ?? "."
        if name == "." || name == ".." { return resolved(String(trimmed)) }
        let parent = trimmed.dropLast(name.count)
        return resolved(parent.isEmpty ? "." : String(parent)).map { $0 == "/" ? "/\(name)" : "\($0)/\(name)" }
    }

    private static var executable: String? { resolved("/proc/self/exe") }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }
}

extension String {
    /// As one word of a shell command.
    var shellQuoted: String {
        let isPlain =
            !isEmpty
            && utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "/._-+@%=:,".utf8.contains(byte)
            }
        return isPlain
            ? self : "'\(split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }
}
