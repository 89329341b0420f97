package import PatchbayEvents
import Synchronization

/// The state of all handlers, in memory: keys with revisions and expiry.
///
/// Reads come from any thread; `commit` is all or nothing and the dispatcher's. Bounded in bytes, those of
/// open calls' writes included: what would exceed the bound is refused when it is written, never dropped later.
package final class StateStore: Sendable {
    /// What became of a call's writes.
    package enum Commit: Sendable, Equatable {
        case committed
        /// Another call changed this key first: run the call again, uncharged.
        case conflict(key: String)
    }

    struct Entry: Sendable {
        var value: [UInt8]
        var revision: UInt64
        /// Unix nanoseconds; 0 is never.
        var expires: UInt64
        var origin: StateOrigin
    }

    /// A key as it stands after a commit.
    package struct Change: Sendable, Equatable {
        package var scope: HandlerScope
        package var key: String
        /// `nil`: the key is gone.
        package var value: [UInt8]?
        package var revision: UInt64
        /// Unix nanoseconds; 0 is never.
        package var expires: UInt64
        /// Who made it so, also where the key is gone.
        package var origin: StateOrigin

        package init(
            scope: HandlerScope, key: String, value: [UInt8]?, revision: UInt64, expires: UInt64, origin: StateOrigin
        ) {
            self.origin = origin
            self.scope = scope
            self.key = key
            self.value = value
            self.revision = revision
            self.expires = expires
        }
    }

    private struct Contents {
        var entries: [HandlerScope: [String: Entry]] = [:]
        var revision: UInt64 = 0
        var bytes = 0
        /// No sweep before, in Unix nanoseconds: a full store is not searched for every write that it refuses.
        var nextSweep: UInt64 = 0
    }

    /// Keys and values together, those that open calls have written included.
    let room: ByteRoom
    private let contents = Mutex(Contents())

    package init(bytesMax: Int = 256 << 20) { room = ByteRoom(bytesMax: bytesMax) }

    /// Bytes of all keys and values, expired ones that nobody has touched included.
    package var bytes: Int { contents.withLock { $0.bytes } }

    /// Applies a call's writes together, or none of them, while the call still holds room for them. `now` is Unix
    /// nanoseconds. `recording` is told what changed, in order.
    package func commit(
        _ writes: [StateWrite], of scope: HandlerScope, from origin: StateOrigin = .unknown, now: UInt64,
        recording: (Change) -> Void = { _ in }
    ) -> Commit {
        contents.withLock { contents in
            for write in writes where write.expectedRevision != StateRevision.any {
                let entry = contents.entries[scope]?[write.key]
                let revision = entry.map { Self.isLive($0, now) ? $0.revision : 0 } ?? 0
                if revision != write.expectedRevision { return .conflict(key: write.key) }
            }
            let before = contents.bytes
            for write in writes {
                Self.apply(write, of: scope, from: origin, now: now, to: &contents)
                let entry = contents.entries[scope]?[write.key]
                recording(
                    Change(
                        scope: scope, key: write.key, value: entry?.value,
                        revision: entry?.revision ?? contents.revision, expires: entry?.expires ?? 0,
                        origin: origin))
            }
            room.settle(contents.bytes - before)
            return .committed
        }
    }

    /// Puts a key in place as it was recorded. Before any call reads or writes.
    package func restore(_ change: Change) {
        contents.withLock { contents in
            let before = contents.bytes
            if let old = contents.entries[change.scope]?[change.key] {
                contents.bytes -= change.key.utf8.count + old.value.count
            }
            contents.entries[change.scope, default: [:]][change.key] = change.value.map {
                Entry(value: $0, revision: change.revision, expires: change.expires, origin: change.origin)
            }
            if let value = change.value { contents.bytes += change.key.utf8.count + value.count }
            contents.revision = max(contents.revision, change.revision)
            room.settle(contents.bytes - before)
        }
    }

    /// Visits every key as it stands now, from whichever thread runs the result.
    package func snapshot() -> @Sendable ((Change) -> Void) -> Void {
        let entries = contents.withLock { $0.entries }
        return { body in
            for (scope, keys) in entries {
                for (key, entry) in keys {
                    body(
                        Change(
                            scope: scope, key: key, value: entry.value, revision: entry.revision,
                            expires: entry.expires, origin: entry.origin))
                }
            }
        }
    }

    /// Forgets what has expired, unless that was done less than a second ago; whether it was done.
    func sweepWhenDue(now: UInt64) -> Bool {
        let isDue = contents.withLock { contents in
            guard now >= contents.nextSweep else { return false }
            contents.nextSweep = now &+ 1_000_000_000
            return true
        }
        if isDue { sweep(now: now) }
        return isDue
    }

    /// Forgets what has expired. Call now and then; reads never see expired values anyway.
    package func sweep(now: UInt64) {
        contents.withLock { contents in
            let before = contents.bytes
            defer { room.settle(contents.bytes - before) }
            for (scope, entries) in contents.entries {
                for (key, entry) in entries where !Self.isLive(entry, now) {
                    contents.entries[scope]?[key] = nil
                    contents.bytes -= key.utf8.count + entry.value.count
                }
            }
        }
    }

    /// What keys hold, be it nothing. `now` is Unix nanoseconds. [any thread]
    package func values(of keys: [String], in scope: HandlerScope, now: UInt64) -> StateBefore {
        contents.withLock { contents in
            let entries = contents.entries[scope] ?? [:]
            return Dictionary(
                keys.map { key in
                    let entry = entries[key].flatMap { Self.isLive($0, now) ? $0 : nil }
                    return (key, entry.map { StateValue(bytes: $0.value, revision: $0.revision) })
                }, uniquingKeysWith: { first, _ in first })
        }
    }

    func get(_ key: String, of scope: HandlerScope, now: UInt64) -> Entry? {
        contents.withLock { contents in
            guard let entry = contents.entries[scope]?[key], Self.isLive(entry, now) else { return nil }
            return entry
        }
    }

    private static func apply(
        _ write: StateWrite, of scope: HandlerScope, from origin: StateOrigin, now: UInt64, to contents: inout Contents
    ) {
        let old = contents.entries[scope]?[write.key]
        if let old { contents.bytes -= write.key.utf8.count + old.value.count }
        guard let value = write.value else {
            contents.entries[scope]?[write.key] = nil
            return
        }
        contents.revision += 1
        let (expires, overflow) = now.addingReportingOverflow(write.timeToLive)
        contents.entries[scope, default: [:]][write.key] = Entry(
            value: value, revision: contents.revision, expires: write.timeToLive == 0 || overflow ? 0 : expires,
            origin: origin)
        contents.bytes += write.key.utf8.count + value.count
    }

    private static func isLive(_ entry: Entry, _ now: UInt64) -> Bool { entry.expires == 0 || now < entry.expires }
}

/// Revisions that are no committed value's.
enum StateRevision {
    /// The key must not exist.
    static let create: UInt64 = 0
    /// Not compared.
    static let any = UInt64.max
    /// What a call sees of a value that it has written itself and that is not committed.
    static let own = UInt64.max - 1
}
