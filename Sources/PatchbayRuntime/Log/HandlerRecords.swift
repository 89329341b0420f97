import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// What handlers change, as the log records it.
extension StateStore {
    /// Applies a call's writes, all or none, and writes down how the keys stand then; false when a revision was lost.
    func commit(
        _ writes: [StateWrite], of scope: HandlerScope, from origin: StateOrigin, now: UInt64,
        into records: inout ByteWriter
    ) -> Bool {
        var changes: [Change] = []
        let commit = commit(writes, of: scope, from: origin, now: now) { changes.append($0) }
        guard commit == .committed else { return false }
        for change in changes { StateRecord(change).write(to: &records) }
        return true
    }
}

extension StateRecord {
    init(_ change: StateStore.Change) {
        self.init(
            scope: change.scope.name, key: change.key, value: change.value, revision: change.revision,
            expires: change.expires, origin: change.origin)
    }

    var change: StateStore.Change {
        StateStore.Change(
            scope: HandlerScope(name: scope), key: key, value: value, revision: revision, expires: expires,
            origin: origin)
    }
}

extension TimerStore {
    func commit(_ changes: [TimerChange], of scope: HandlerScope, into records: inout ByteWriter) {
        for change in changes {
            switch change {
            case .set(let key, let event):
                TimerRecord(.set, scope: scope.name, key: key, due: event.notBefore, event: event.event.json)
                    .write(to: &records)
            case .cancel(let key):
                TimerRecord(.cancelled, scope: scope.name, key: key).write(to: &records)
            }
        }
        commit(changes, of: scope)
    }

    func takeDue(now: UInt64, into records: inout ByteWriter) -> [FiredTimer] {
        let fired = takeDue(now: now)
        for timer in fired {
            TimerRecord(.fired, scope: timer.scope.name, key: timer.key).write(to: &records)
        }
        return fired
    }
}
