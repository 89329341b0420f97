import Glibc
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime

/// What `patchbay rerun` says.
struct RerunReport {
    let comparison: RerunComparison
    private let file: String
    private let recording: RecordedCall
    private let rerun: RerunRecord

    init(file: String, recording: RecordedCall, rerun: RerunRecord) {
        self.file = file
        self.recording = recording
        self.rerun = rerun
        comparison = RerunComparison(recording, rerun)
    }

    /// For scripts.
    var value: Value {
        func side(_ module: Value, _ end: RerunEnding, _ nanoseconds: UInt64?, requests: Int) -> Value {
            .object([
                ("module", module), ("outcome", .string(end.name)), ("reason", .string(end.reason)),
                ("nanoseconds", nanoseconds.map { .uint($0) } ?? .null), ("requests", .int(Int64(requests))),
            ])
        }
        return .object([
            ("file", .string(file)), ("handler", .string(recording.handler)),
            (
                "event",
                .object(["id", "source", "type"].map { ($0, recording.event.member($0) ?? .null) })
            ),
            (
                "recorded",
                side(
                    recording.head.member("module") ?? .null, RerunEnding(recording),
                    comparison.nanoseconds.recorded, requests: Self.requests(recording.entries))
            ),
            (
                "rerun",
                side(
                    rerun.module, RerunEnding(rerun), comparison.nanoseconds.rerun,
                    requests: Self.requests(rerun.entries))
            ),
            ("sameBuild", .bool(isSameBuild)), ("same", .bool(comparison.isSame)),
            ("partial", .bool(comparison.isPartial)),
            ("differences", .list(comparison.differences.map(\.value))),
            ("unanswered", .list(comparison.unanswered)),
        ])
    }

    /// For people.
    func show() {
        let style = Style(for: STDOUT_FILENO)
        Output.line("\(recording.handler), event \(recording.event.text("id") ?? ""), attempt \(attempt)".printable)
        let rows: [[String]] = [
            ["", "recorded", "now"],
            ["module", Self.title(recording.head.member("module")), Self.title(rerun.module)],
            ["outcome", Self.title(RerunEnding(recording)), Self.title(RerunEnding(rerun))],
            ["took", Self.duration(comparison.nanoseconds.recorded), Self.duration(comparison.nanoseconds.rerun)],
            ["requests", "\(Self.requests(recording.entries))", "\(Self.requests(rerun.entries))"],
        ]
        let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            Output.line("  \(cells[0])  \(cells[1])  \(row[2])".printable)
        }
        for difference in comparison.differences {
            Output.line("\(style.red("different")): \(difference.what)".printable)
            Output.line("    recorded: \(Self.text(difference.recorded))".printable)
            Output.line("    now:      \(Self.text(difference.rerun))".printable)
        }
        for request in comparison.unanswered {
            Output.line("\(style.yellow("no answer")): the recording has none to \(Self.text(request))".printable)
        }
        if comparison.isPartial {
            Output.line("The recording ends within the call: what would have come after is not compared.")
        }
        Output.line(comparison.isSame ? "the same" : "\(comparison.differences.count) differences")
    }

    /// It is the very file that was recorded.
    private var isSameBuild: Bool {
        rerun.module.text("sha256") == recording.head.member("module")?.text("sha256")
    }

    private var attempt: UInt64 { recording.head.number("attempt") ?? 1 }

    private static func requests(_ entries: [Value]) -> Int {
        entries.count { $0.member("call") != nil && $0.text("call") != "cancelled" }
    }

    private static func title(_ module: Value?) -> String {
        guard let name = module?.text("name") else { return "-" }
        return "\(name) \(module?.text("version") ?? "") (\(module?.text("sha256")?.prefix(8) ?? "-"))"
    }

    private static func title(_ ending: RerunEnding) -> String {
        if ending.reason.isEmpty { return ending.name }
        // A worker's death begins with the same word.
        let reason = String(ending.reason.prefix(60))
        return reason.hasPrefix("\(ending.name): ") ? reason : "\(ending.name): \(reason)"
    }

    private static func duration(_ nanoseconds: UInt64?) -> String {
        guard let nanoseconds else { return "-" }
        let microseconds = Double(nanoseconds / 100) / 10
        return microseconds < 10_000 ? "\(microseconds) µs" : "\(Double(nanoseconds / 100_000) / 10) ms"
    }

    /// On one line, cut where it is long.
    private static func text(_ value: Value?) -> String {
        guard let value else { return "nothing" }
        let text = String(decoding: value.json, as: UTF8.self)
        return text.count <= 400 ? text : "\(text.prefix(400))…"
    }
}
