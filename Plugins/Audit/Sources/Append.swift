import HandlerKit
import PatchbaySDK

/// Keeps events in a log whose lines cannot be changed, left out or moved without anyone seeing it.
struct Append: BatchHandler {
    struct Configuration: Decodable {
        enum Sync: String, Decodable {
            case always
            case interval
            case never
        }

        var folder: String
        var name: String
        var fileBytes: Int
        var sync: Sync
        var syncMilliseconds: Int
        var anchorEvery: Int
    }

    private let log: AuditLog
    private let anchorEvery: UInt64

    init(configuration: Configuration, host: Host) {
        let sync: AuditLog.Sync =
            switch configuration.sync {
            case .always: .always
            case .interval: .interval(UInt64(configuration.syncMilliseconds) * 1_000_000)
            case .never: .never
            }
        log = AuditLog(
            AuditFolder(path: configuration.folder, name: configuration.name), name: configuration.name,
            fileBytes: configuration.fileBytes, sync: sync)
        anchorEvery = UInt64(configuration.anchorEvery)
    }

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        let anchors = try log.append([AuditEntry(Event(copying: event))])
        for anchor in anchors { try anchored(anchor, call) }
        return .done
    }

    /// One write, and one sync, for all of them.
    func handle(_ batch: borrowing Batch) throws {
        var entries: [AuditEntry] = []
        for index in 0..<batch.count {
            batch.withEvent(at: index) { event, _ in entries.append(AuditEntry(Event(copying: event))) }
        }
        let anchors = try log.append(entries)
        for (index, anchor) in anchors.enumerated() { try anchored(anchor, batch.call(at: index)) }
    }

    private func anchored(_ anchor: AuditLog.Anchor, _ call: Call) throws {
        guard anchorEvery > 0, anchor.number % anchorEvery == 0 else { return }
        try call.emit(
            EventDraft(
                type: "com.patchbay.audit.anchored", subject: anchor.file,
                json: [
                    "file": .string(anchor.file), "seq": .integer(Int64(anchor.number)), "hash": .string(anchor.hash),
                ]))
    }
}
