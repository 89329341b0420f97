import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayRouting

extension LogCommand {
    struct DumpCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dump",
            abstract: "Print what the log says: events, outcomes, failures, dead letters, state, timers.",
            discussion: """
                In the order in which it was written. --from and --to take positions of events; records between two \
                events come with the events around them.

                EXIT CODES
                  0  printed
                  1  the log is damaged; what is before was printed
                  2  wrong usage, or a folder that cannot be read

                EXAMPLES
                  patchbay log dump
                  patchbay log dump ./data --from 1000 --to 1010
                  patchbay log dump ./data --type 'com.example.order.>' --json
                """)

        @OptionGroup var options: DataFolderOptions

        @Option(help: ArgumentHelp("Begin with this event.", valueName: "position"))
        var from: UInt64?

        @Option(help: ArgumentHelp("End with this event.", valueName: "position"))
        var to: UInt64?

        @Option(help: ArgumentHelp("Only events of this type; * and > as in routes.", valueName: "pattern"))
        var type: String?

        @Flag(help: "Print JSON, one line for each record.")
        var json = false

        func validate() throws {
            if let type, let problem = TypePattern.problem(of: type) {
                throw ValidationError("--type '\(type)': \(problem)")
            }
            if let from, let to, to < from { throw ValidationError("--to \(to) is before --from \(from)") }
        }

        func run() throws {
            let folder = try options.folder()
            let pattern = try type.map { try TypePattern($0) }
            do {
                let reader = try LogReader.open(folder.log)
                let text = LogText(names: try folder.names(), isJSON: json, style: Style(for: STDOUT_FILENO))
                try dump(reader, text, pattern)
            } catch let error as LogError {
                throw DataFolder.failure(error)
            }
        }

        private func dump(_ reader: LogReader, _ text: LogText, _ pattern: TypePattern?) throws(LogError) {
            var text = text
            var cursor =
                try from.map { position throws(LogError) in try reader.frames(fromPosition: position) }
                ?? reader.frames(fromSequence: reader.sequences.lowerBound)
            while let frame = try cursor.next(), !Output.hasFailed {
                if let to, frame.view.header.firstPosition > to { return }
                try print(frame, &text, pattern)
            }
        }

        private func print(_ frame: LogFrame, _ text: inout LogText, _ pattern: TypePattern?) throws(LogError) {
            var lines: [String] = []
            do throws(LogFormatError) {
                try frame.view.forEachRecord { record throws(LogFormatError) in
                    if case .name(let name) = record { try text.learn(name) }
                    guard isWanted(record, pattern, text) else { return }
                    lines.append(try text.line(record, in: frame))
                }
            } catch {
                throw .corrupt(frame.location.segment, at: Int(frame.location.offset), "\(error)")
            }
            guard !lines.isEmpty else { return }
            if !json { lines.insert(text.heading(frame), at: 0) }
            Output.line(lines.joined(separator: "\n"))
        }

        private func isWanted(_ record: LogRecord, _ pattern: TypePattern?, _ text: LogText) -> Bool {
            guard case .event(let section, let index, let position) = record else { return pattern == nil }
            if let from, position < from { return false }
            if let to, position > to { return false }
            guard let pattern else { return true }
            do {
                return pattern.matches(try text.type(section, index))
            } catch {
                return false
            }
        }
    }
}
