import Glibc

/// Who may change what the host runs as code: a file that every user may change, or put another in the place of, is
/// refused.
enum ModuleOwnership {
    /// Judges a file that was read, and the folders of its path: where its name lies, and where a link leads.
    ///
    /// In a world-writable folder with the sticky bit (`/tmp`) nobody takes another user's file away, but anybody adds
    /// some: a file there has to belong to root or to the host's user.
    static func check(_ contents: FileContents, at path: String) throws(ModuleError) {
        guard contents.mode & UInt32(S_IWOTH) == 0 else {
            throw ModuleError(
                .worldWritable, file: path, "may be changed by every user of this machine",
                remedy: "chmod o-w \(path)")
        }
        try check(folder: Folder.parent(of: path), of: contents, at: path)
        let resolved = Folder.parent(of: ModuleScanner.resolved(path))
        if resolved != Folder.parent(of: path) { try check(folder: resolved, of: contents, at: path) }
    }

    private static func check(folder: String, of contents: FileContents, at path: String) throws(ModuleError) {
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IWOTH != 0 else { return }
        guard status.st_mode & S_ISVTX != 0 else {
            throw ModuleError(
                .worldWritable, file: path, "lies in \(folder), where every user of this machine may replace it",
                remedy: "chmod o-w \(folder)")
        }
        guard contents.owner == geteuid() || contents.owner == 0 else {
            throw ModuleError(
                .worldWritable, file: path,
                "belongs to another user and lies in \(folder), where every user of this machine may put files",
                remedy: "copy it to a folder that only the host's user may change")
        }
    }
}
