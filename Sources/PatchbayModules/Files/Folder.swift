import Glibc

/// Listing and removing folders.
enum Folder {
    /// Names of what a folder holds, without `.` and `..`, unsorted; `nil` and `errno` when it cannot be listed.
    static func entries(of path: String) -> [String]? {
        guard let stream = opendir(path) else { return nil }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: Int(entry.pointee.d_reclen)) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes a folder and all below it; links are removed, not followed.
    static func remove(_ path: String) {
        for name in entries(of: path) ?? [] {
            let inner = "\(path)/\(name)"
            var status = stat()
            guard lstat(inner, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR { remove(inner) } else { unlink(inner) }
        }
        rmdir(path)
    }

    /// The part of a path before the last slash.
    static func parent(of path: String, or fallback: String = ".") -> String {
        guard let slash = path.lastIndex(of: "/") else { return fallback }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
