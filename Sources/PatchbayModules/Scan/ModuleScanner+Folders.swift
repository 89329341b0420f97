import Glibc

extension ModuleScanner {
    /// Paths of candidates, unsorted.
    static func list(_ directory: String) throws(ModuleError) -> [String] {
        guard let names = Folder.entries(of: directory) else {
            throw ModuleError(
                .unreadable, file: directory, "cannot be listed",
                remedy: "create the folder, or correct modules.directory", cause: SystemError.message(errno))
        }
        let base = directory.hasSuffix("/") ? String(directory.dropLast()) : directory
        return names.filter(isCandidate).map { "\(base)/\($0)" }
    }

    private static func isCandidate(_ name: String) -> Bool {
        guard !name.hasPrefix(".") else { return false }
        return name.hasSuffix(".so") || name.contains(".so.")
    }

    static func warnings(ofDirectory directory: String) -> [ModuleWarning] {
        var status = stat()
        guard stat(directory, &status) == 0, status.st_mode & S_IWOTH != 0, status.st_mode & S_ISVTX != 0 else {
            return []
        }
        return [
            ModuleWarning(
                code: .worldWritable,
                message: "every user of this machine may add files to it; those are refused",
                remedy: "chmod o-w", file: directory)
        ]
    }

    /// Without symbolic links, or as given when there is no such file.
    package static func resolved(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }
}
