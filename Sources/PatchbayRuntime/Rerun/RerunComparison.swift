package import PatchbayEvents
package import PatchbayModules

/// A recorded call beside its rerun: what differs.
package struct RerunComparison: Sendable {
    package struct Difference: Sendable, Equatable {
        /// `outcome`, `reason`, `emit 2`, `state key`, …
        package var what: String
        /// `nil`: it was not there.
        package var recorded: Value?
        package var rerun: Value?

        package var value: Value {
            .object([("what", .string(what)), ("recorded", recorded ?? .null), ("rerun", rerun ?? .null)])
        }
    }

    package private(set) var differences: [Difference] = []
    /// Requests that the recording has no answer to.
    package let unanswered: [Value]
    /// The recording does not have all of the call, so that what goes beyond it is not compared.
    package let isPartial: Bool
    /// Until the outcome, in nanoseconds; `nil` where there is none.
    package let nanoseconds: (recorded: UInt64?, rerun: UInt64?)

    package var isSame: Bool { differences.isEmpty && unanswered.isEmpty }

    package init(_ recording: RecordedCall, _ rerun: RerunRecord) {
        var outcome: Value?
        if case .outcome(let value)? = rerun.end { outcome = value }
        isPartial = recording.isCut || RerunEnding(recording).isAbrupt
        unanswered = rerun.entries.filter { $0.member("unanswered") != nil }
            .map { .object([("call", $0.member("call") ?? .null), ("with", $0.member("with") ?? .null)]) }
        nanoseconds = (recording.outcome?.number("at"), outcome?.number("at"))
        compareEnds(recording, rerun)
        compareRequests(recording.entries, rerun.entries)
        if let problem = rerun.problem {
            differences.append(Difference(what: "end", recorded: nil, rerun: .string(problem)))
        }
    }

    // MARK: Ends

    private mutating func compareEnds(_ recording: RecordedCall, _ rerun: RerunRecord) {
        let (before, now) = (RerunEnding(recording), RerunEnding(rerun))
        // What was cut has no end that could differ.
        guard !recording.isCut else { return }
        // Without an end a process may have died or been late; a call that the host has closed was late.
        if before.isAbrupt && now.isAbrupt, before.name != "late" || now.name == "late" { return }
        if before.name != now.name {
            differences.append(
                Difference(what: "outcome", recorded: .string(before.name), rerun: .string(now.name)))
        }
        for part in ["reason", "code", "detail", "reply", "replyContentType", "retryAfterNanoseconds", "sparesBreaker"]
        where before.outcome?.member(part) != now.outcome?.member(part) {
            differences.append(
                Difference(what: part, recorded: before.outcome?.member(part), rerun: now.outcome?.member(part)))
        }
    }

    // MARK: Requests

    /// Effects that were taken, in order; of state, the last word on each key.
    private struct Requests {
        var lists: [(name: String, entries: [Value])] = []
        var state: [(key: String, value: Value)] = []

        private static let functions = [
            ("emit", ["emit.add"]), ("timer", ["timer.set", "timer.cancel"]),
            ("stream", ["stream.append", "stream.snapshotPut", "stream.subscribe", "stream.unsubscribe"]),
            ("http", ["http.send"]), ("mail", ["mail.send"]),
        ]

        init(_ entries: [Value]) {
            for (name, functions) in Self.functions {
                lists.append(
                    (
                        name,
                        entries.filter { entry in
                            let isTaken =
                                entry.member("number") != nil || entry.member("answer")?.text("status") == "ok"
                            return isTaken && functions.contains(entry.text("call") ?? "")
                        }
                    ))
            }
            for entry in entries where entry.member("answer")?.text("status") == "ok" {
                guard let key = entry.member("with")?.text("key") else { continue }
                let value: Value
                switch entry.text("call") {
                case "state.put": value = entry.member("with")?.member("value") ?? .null
                case "state.del": value = .null
                default: continue
                }
                state.removeAll { $0.key == key }
                state.append((key, value))
            }
        }
    }

    private mutating func compareRequests(_ recorded: [Value], _ rerun: [Value]) {
        let (before, now) = (Requests(recorded), Requests(rerun))
        for (one, other) in zip(before.lists, now.lists) {
            for index in 0..<max(one.entries.count, other.entries.count) {
                let left = index < one.entries.count ? one.entries[index] : nil
                let right = index < other.entries.count ? other.entries[index] : nil
                if left == nil, isPartial { continue }
                guard !Self.isSame(left, right) else { continue }
                differences.append(
                    Difference(
                        what: "\(one.name) \(index + 1)", recorded: left.map(Self.shown), rerun: right.map(Self.shown)))
            }
        }
        let keys =
            before.state.map(\.key)
            + now.state.map(\.key).filter { key in
                !before.state.contains { $0.key == key }
            }
        for key in keys {
            let left = before.state.first { $0.key == key }?.value
            let right = now.state.first { $0.key == key }?.value
            if left == nil, isPartial { continue }
            if left != right { differences.append(Difference(what: "state \(key)", recorded: left, rerun: right)) }
        }
    }

    /// Times from now on are those of another run: a second, or a hundredth, makes no difference.
    private static func isSame(_ left: Value?, _ right: Value?) -> Bool {
        guard let left, let right, left.member("call") == right.member("call"),
            left.member("with") == right.member("with")
        else { return false }
        let delays = (left.number("inNanoseconds") ?? 0, right.number("inNanoseconds") ?? 0)
        let distance = max(delays.0, delays.1) - min(delays.0, delays.1)
        return distance <= max(1_000_000_000, delays.0 / 100)
    }

    private static func shown(_ entry: Value) -> Value {
        var members = ["call", "with"].map { ($0, entry.member($0) ?? .null) }
        if let delay = entry.number("inNanoseconds"), delay > 0 { members.append(("inNanoseconds", .uint(delay))) }
        return .object(members)
    }
}

/// How a call ended, in one word, with what was said of it.
package struct RerunEnding: Sendable {
    /// An outcome's name, `crashed`, `late`, or `open` for a recording without an end.
    package let name: String
    /// `nil` where the handler said nothing.
    package let outcome: Value?
    /// In words; empty for an outcome without a reason.
    package let reason: String
    /// It ended its process, never ended, or was closed by the host before it did.
    package let isAbrupt: Bool

    package init(_ recording: RecordedCall) {
        guard recording.outcome?.member("late") == nil else {
            (name, outcome, isAbrupt, reason) = ("late", nil, true, "it did not end in time")
            return
        }
        outcome = recording.outcome
        reason = recording.outcome?.text("reason") ?? ""
        // A worker's death, which the host has told as the outcome.
        let isDeath = recording.outcome?.text("by") == "worker"
        isAbrupt = recording.outcome == nil && !recording.isCut || isDeath
        name = isDeath ? "crashed" : recording.outcome?.text("outcome") ?? (recording.isCut ? "cut" : "open")
    }

    package init(_ rerun: RerunRecord) {
        switch rerun.end {
        case .outcome(let value):
            (name, outcome, isAbrupt) = (value.text("outcome") ?? "", value, false)
            reason = value.text("reason") ?? ""
        case .crashed(let how): (name, outcome, isAbrupt, reason) = ("crashed", nil, true, how)
        case .late, nil: (name, outcome, isAbrupt, reason) = ("late", nil, true, "it did not end in time")
        case .refused(let why): (name, outcome, isAbrupt, reason) = ("refused", nil, false, why)
        }
    }
}
