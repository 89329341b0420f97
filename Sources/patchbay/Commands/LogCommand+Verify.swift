import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayLog

extension LogCommand {
    struct VerifyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Read a data folder from end to end and name everything that is not right.",
            discussion: """
                Checks every checksum, that frames follow one another over all segments, that all records can be read, \
                that indexes agree with their segments, and that events and deliveries add up.

                What a crash may leave (half a write at the end, an index that is missing) is a note, no fault.

                EXIT CODES
                  0  all is right
                  1  something is damaged or missing
                  2  wrong usage, or a folder that cannot be read

                EXAMPLES
                  patchbay log verify
                  patchbay log verify ./data
                  patchbay log verify -c patchbay.yaml --json
                """)

        @OptionGroup var options: DataFolderOptions

        @Flag(help: "Print JSON: what was read, faults, notes.")
        var json = false

        func run() throws {
            let folder = try options.folder()
            do {
                let result = try verified(folder)
                if json {
                    Output.json(result.value(folder.path))
                } else {
                    Output.line(result.text(folder.path, Style(for: STDOUT_FILENO)))
                }
                if !result.isSound { throw ExitCode(1) }
            } catch let error as LogError {
                throw DataFolder.failure(error)
            }
        }

        private func verified(_ folder: DataFolder) throws(LogError) -> LogVerification {
            let progress = LogReadingProgress()
            defer { progress.end() }
            return try LogVerification(log: folder.log, checkpoints: folder.checkpoints) {
                progress.show(UInt64($0), of: UInt64($1), doing: "checking", unit: "byte")
            }
        }
    }
}

extension LogVerification {
    /// For people.
    fileprivate func text(_ path: String, _ style: Style) -> String {
        var lines = faults.map { style.red("fault: ") + Self.text($0) }
        lines += notes.map { style.yellow("note: ") + Self.text($0) }
        let verdict = isSound ? style.green("sound") : style.red(String.count(faults.count, "fault"))
        lines.append("\(path): \(verdict)")
        lines.append(
            "  \(String.count(segments, "segment")), \(frames) frames, \(events) events, \(bytes) bytes; "
                + "\(indexes) indexes, \(String.count(checkpoints, "checkpoint"))")
        if let counts {
            lines.append(
                "  events: \(counts.events) accepted; deliveries: \(counts.created) created = \(counts.done) done + "
                    + "\(counts.skipped) skipped + \(counts.dead) dead + \(counts.pending) pending")
        }
        return lines.joined(separator: "\n")
    }

    private static func text(_ fault: Fault) -> String {
        let place = fault.offset.map { ", offset \($0)" } ?? ""
        return "\(fault.path)\(place): \(fault.message)"
    }

    /// For scripts.
    fileprivate func value(_ path: String) -> Value {
        var members: [(String, Value)] = [
            ("path", .string(path)), ("sound", .bool(isSound)), ("segments", .int(Int64(segments))),
            ("frames", .int(Int64(frames))), ("events", .int(Int64(events))), ("bytes", .int(Int64(bytes))),
            ("indexes", .int(Int64(indexes))), ("checkpoints", .int(Int64(checkpoints))),
            ("faults", .list(faults.map(Self.value))), ("notes", .list(notes.map(Self.value))),
        ]
        if let counts {
            members.append(
                (
                    "ledger",
                    .object([
                        ("events", .uint(counts.events)), ("created", .uint(counts.created)),
                        ("done", .uint(counts.done)), ("skipped", .uint(counts.skipped)),
                        ("dead", .uint(counts.dead)), ("pending", .uint(counts.pending)),
                    ])
                ))
        }
        return .object(members)
    }

    private static func value(_ fault: Fault) -> Value {
        var members: [(String, Value)] = [("path", .string(fault.path)), ("message", .string(fault.message))]
        if let segment = fault.segment { members.append(("segment", .uint(UInt64(segment)))) }
        if let offset = fault.offset { members.append(("offset", .int(Int64(offset)))) }
        return .object(members)
    }
}
