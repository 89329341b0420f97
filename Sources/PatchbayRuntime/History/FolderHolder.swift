import Glibc
import PatchbayLog

/// Says whether a host has a data folder, without touching its lock: a host that starts at this moment must not find it
/// taken.
enum FolderHolder {
    /// The process that holds the folder's lock; `nil` when none does, or the system does not show its locks.
    static func process(of folder: String) -> Int32? {
        var info = stat()
        guard stat("\(folder)/\(FolderLock.name)", &info) == 0, let locks = fopen("/proc/locks", "re") else {
            return nil
        }
        defer { fclose(locks) }
        var line = [CChar](repeating: 0, count: 512)
        // `1: FLOCK  ADVISORY  WRITE 4711 fd:01:9437 0 EOF` (proc(5)).
        while fgets(&line, Int32(line.count), locks) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let fields = text.split(separator: " ")
            guard fields.count > 5, fields[1] == "FLOCK", fields[3] == "WRITE",
                fields[5].split(separator: ":").last.map({ $0 == String(info.st_ino) }) ?? false
            else { continue }
            return Int32(fields[4])
        }
        return nil
    }
}
