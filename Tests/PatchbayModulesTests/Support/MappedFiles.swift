import Foundation

/// The files that this process has mapped into its memory, in the kernel's order, one entry a mapping.
///
/// The kernel answers a read of `maps` with a part of it, which Foundation's readers of whole files take for the end.
func mappedFiles() throws -> [String] {
    let maps = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps"))
    var text = Data()
    while let part = try maps.read(upToCount: 4_096), !part.isEmpty { text += part }
    return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
        line.firstIndex(of: "/").map { String(line[$0...]) }
    }
}
