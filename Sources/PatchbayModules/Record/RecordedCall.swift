package import PatchbayEvents

/// A call as a file of `patchbay run --record` has it: a JSON object a line. The first line says what was called with
/// what, the others what it asked for, the last one what came of it. See docs/record.md.
package struct RecordedCall: Sendable {
    /// Of the format that is written here; files of others are refused.
    package static let version: UInt64 = 1

    /// The first line.
    package let head: Value
    /// Requests, later answers and cancellations, in order.
    package let entries: [Value]
    /// `nil`: the call did not end before its process did, or the recording was cut.
    package let outcome: Value?
    /// The recording reached its bounds in the middle of the call.
    package let isCut: Bool

    /// - Errors: `unreadable`, `badRecording`.
    package init(path: String) throws(ModuleError) {
        let bytes = try FileContents(path: path).bytes
        let reader = JSONReader(nesting: 1000)
        var values: [Value] = []
        let lines = bytes.split(separator: 0x0A)
        for (index, line) in lines.enumerated() {
            do throws(CloudEventsError) {
                values.append(try reader.value(Array(line)))
            } catch {
                // The process ended, or the disk was full, in the middle of the last line.
                guard index == lines.count - 1, index > 0, bytes.last != 0x0A else {
                    throw Self.bad(path, "line \(index + 1) is no JSON: \(error.message)")
                }
            }
        }
        guard let head = values.first, let version = head.number("patchbayCall") else {
            throw Self.bad(path, "is no recorded call")
        }
        guard version == Self.version else {
            throw ModuleError(
                .badRecording, file: path, "has the format \(version), and this program reads \(Self.version)",
                remedy: "use a patchbay of the version that recorded it")
        }
        self.head = head
        outcome = values.last.flatMap { $0.text("outcome") == nil ? nil : $0 }
        isCut = values.contains { $0.member("cut") != nil }
        entries = values.dropFirst().filter { $0.member("outcome") == nil && $0.member("cut") == nil }
        guard handler.contains("."), head.member("event")?.text("type") != nil else {
            throw Self.bad(path, "does not say which handler was called with which event")
        }
    }

    /// As routes name it.
    package var handler: String { head.text("handler") ?? "" }
    package var event: Value { head.member("event") ?? .null }
    package var configuration: Value { head.member("configuration") ?? .object([]) }

    private static func bad(_ path: String, _ what: String) -> ModuleError {
        ModuleError(
            .badRecording, file: path, what, remedy: "give a file that 'patchbay run --record' has written")
    }
}
