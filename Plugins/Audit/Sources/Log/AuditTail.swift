/// What the end of a log holds when it is opened.
struct AuditTail {
    /// The lines that are what their hashes say, in their order, each with its file.
    private(set) var lines: [(file: String, line: AuditLine)] = []
    /// Bytes of the last file up to the end of its last line.
    private(set) var length = 0
    /// What follows that: of a line that a crash tore.
    private(set) var torn: [UInt8] = []
    /// Whether this is all of the log.
    private(set) var isWhole = true

    /// Reads so many bytes from the end of the log, or more, until a whole line is among them. No files: an empty log.
    ///
    /// - Errors: `damaged` when the last line is not what its hash says.
    init(of files: [String], in storage: any AuditStorage, bytesMax: Int) throws(AuditError) {
        var unsound: String?
        let ends = try Self.ends(of: files, in: storage, bytesMax: bytesMax)
        isWhole = ends.count == files.count && ends.allSatisfy { $0.bytes.count == $0.length }
        for (file, bytes, length) in ends {
            let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            if file == files.last {
                torn = Array(bytes[end...])
                self.length = length - torn.count
            }
            // What stands before the first line break is part of a line.
            let isPart = bytes.count < length
            let start = isPart ? bytes.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? end : 0
            for text in bytes[start..<end].split(separator: UInt8(ascii: "\n")) {
                if let line = try AuditLine(parsing: text) {
                    lines.append((file, line))
                    unsound = nil
                } else {
                    unsound = file
                }
            }
        }
        // Older lines are the verifier's; the last one is what the chain goes on from.
        if let unsound {
            throw AuditError(.damaged, "the last line of \(unsound) is not what its hash says: run verify")
        }
    }

    /// The ends of the last files, in their order.
    private static func ends(
        of files: [String], in storage: any AuditStorage, bytesMax: Int
    ) throws(AuditError) -> [(file: String, bytes: [UInt8], length: Int)] {
        var ends: [(file: String, bytes: [UInt8], length: Int)] = []
        var room = bytesMax
        var hasLine = false
        for file in files.reversed() where room > 0 || !hasLine {
            var count = max(room, 1)
            var (bytes, length) = try storage.tail(of: file, bytesMax: count)
            // One event may be larger than what is read of all.
            while !hasLine, bytes.count < length, !holdsLine(bytes, of: length) {
                count *= 2
                (bytes, length) = try storage.tail(of: file, bytesMax: count)
            }
            hasLine = hasLine || holdsLine(bytes, of: length)
            ends.append((file, bytes, length))
            room -= bytes.count
        }
        return ends.reversed()
    }

    /// Whether a line is whole in the end of a file of this length.
    private static func holdsLine(_ bytes: [UInt8], of length: Int) -> Bool {
        guard let first = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return false }
        return bytes.count == length || bytes[(first + 1)...].contains(UInt8(ascii: "\n"))
    }
}
