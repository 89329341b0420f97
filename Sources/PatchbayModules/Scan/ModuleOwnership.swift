import Glibc

/// Who may change what the host runs as code: a file that every user may change, or put another in the place of, is
/// refused.
enum ModuleOwnership {
    /// Judges a file that was read, and all folders of its path: where its name lies, and where a link leads.
    ///
    /// In a world-writable folder with the sticky bit (`/tmp`) nobody takes away what another user has there, but anybody
    /// adds some: what the path goes on with there has to belong to root or to the host's user.
    static func check(_ contents: FileContents, at path: String) throws(ModuleError) {
        guard contents.mode & UInt32(S_IWOTH) == 0 else {
            throw ModuleError(
                .worldWritable, file: path, "may be changed by every user of this machine",
                remedy: "chmod o-w \(path)")
        }
        try checkFolders(of: path, owner: contents.owner, file: path)
        let resolved = ModuleScanner.resolved(path)
        if resolved != path { try checkFolders(of: resolved, owner: contents.owner, file: path) }
    }

    /// - Parameters:
    ///   - owner: who has what lies at `path`.
    ///   - file: whom an error is about.
    private static func checkFolders(of path: String, owner: UInt32, file: String) throws(ModuleError) {
        var (place, owner) = (path, owner)
        while place != "/", place != "." {
            let folder = Folder.parent(of: place)
            var status = stat()
            // One that is missing or closed has no module in it; opening the file says so.
            guard stat(folder, &status) == 0 else { return }
            if status.st_mode & S_IWOTH != 0 {
                guard status.st_mode & S_ISVTX != 0 else {
                    throw ModuleError(
                        .worldWritable, file: file,
                        "lies in \(folder), where every user of this machine may replace it",
                        remedy: "chmod o-w \(folder)")
                }
                guard owner == geteuid() || owner == 0 else {
                    throw ModuleError(
                        .worldWritable, file: file,
                        "\(place == path ? "belongs" : "lies in \(place), which belongs") to another user, in "
                            + "\(folder), where every user of this machine may put files",
                        remedy: "copy it to a folder that only the host's user may change")
                }
            }
            (place, owner) = (folder, status.st_uid)
        }
    }
}
