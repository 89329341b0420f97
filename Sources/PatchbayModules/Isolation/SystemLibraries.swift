import Glibc

/// Where a worker may look for libraries beside the system's own folders: as the operator says, never as a module does.
enum SystemLibraries {
    /// Those of `LD_LIBRARY_PATH`, and of the Swift runtime that this host runs with.
    static let folders: [String] = {
        let told = getenv("LD_LIBRARY_PATH").map { String(cString: $0) } ?? ""
        let folders = told.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        return folders + swiftRuntime
    }()

    /// The folder of the runtime that is mapped here.
    private static let swiftRuntime: [String] = {
        guard let maps = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(maps) }
        var line = [CChar](repeating: 0, count: 4_096)
        while fgets(&line, Int32(line.count), maps) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0x0A && $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasSuffix("/libswiftCore.so"), let start = text.firstIndex(of: "/") else { continue }
            return [Folder.parent(of: String(text[start...]))]
        }
        return []
    }()
}
