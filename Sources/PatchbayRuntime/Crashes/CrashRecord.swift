package import PatchbayEvents

/// How one run of a host ended in a crash, as the handler of fatal signals wrote it down.
package struct CrashRecord: Sendable, Equatable {
    /// An event that the thread was handling.
    package struct Event: Sendable, Equatable {
        package var source: String
        package var id: String
        package var type: String
        package var route: String
        /// The first is 1.
        package var attempt: UInt32
        /// Its id or source was longer than a record keeps, so it names no event for sure.
        package var isCut: Bool
    }

    /// Unix nanoseconds.
    package var time: UInt64
    package var pid: Int64
    /// Version of the host program.
    package var host: String
    /// Such as `SIGSEGV`.
    package var signal: String
    /// Of the fault, in hexadecimal; `nil` for signals that were sent, `abort` included.
    package var address: String?
    /// The process that sent the signal, where it was another one.
    package var sender: Int64?
    package var thread: String
    /// `handle`, `handle_batch`, or another function of the module; `nil`: the thread was in no call of a module.
    package var phase: String?
    /// Empty for the host's own code; `nil` where it is not known whose code it was.
    package var module: String?
    package var version: String?
    /// As routes name it; empty for the module as a whole.
    package var handler: String?
    /// The module whose code the thread ran, by address; `nil`: in no module's.
    package var code: String?
    /// Empty without a call; of a batch all of its events.
    package var events: [Event]

    /// Reads one line of a crash file.
    ///
    /// - Throws: what is wrong with it, for people.
    package init(_ value: Value) throws(CrashFileError.Reason) {
        guard case .map(let map) = value else { throw CrashFileError.Reason("is no JSON object") }
        let members = Members(map: map)
        guard let time = members.number("time") else { throw CrashFileError.Reason("has no time") }
        guard let signal = members.text("signal") else { throw CrashFileError.Reason("names no signal") }
        self.time = UInt64(max(0, time))
        self.signal = signal
        pid = members.number("pid") ?? 0
        host = members.text("host") ?? ""
        address = members.text("address")
        sender = members.number("sender")
        thread = members.text("thread") ?? ""
        phase = members.text("phase")
        module = members.text("module")
        version = members.text("version")
        handler = members.text("handler")
        code = members.text("code")
        var events: [Event] = []
        if case .list(let list)? = map[.string("events")] {
            for value in list {
                guard case .map(let map) = value else { throw CrashFileError.Reason("has an event that is no object") }
                let members = Members(map: map)
                guard let source = members.text("source"), let id = members.text("id") else {
                    throw CrashFileError.Reason("has an event without id or source")
                }
                events.append(
                    Event(
                        source: source, id: id, type: members.text("type") ?? "", route: members.text("route") ?? "",
                        attempt: UInt32(clamping: members.number("attempt") ?? 1),
                        isCut: map[.string("cut")] == .bool(true)))
            }
        }
        self.events = events
    }

    /// One sentence for the log.
    package var summary: String {
        var text = "an earlier run (process \(pid)) ended in a crash: \(signal)"
        if let address { text += " at address \(address)" }
        if let sender { return text + ", sent by process \(sender)" }
        if let module {
            text += module.isEmpty ? " in the host's own code" : " in module \(module) \(version ?? "")"
            if let handler, !handler.isEmpty { text += ", handler \(handler)" }
        }
        guard let phase else { return text + ", on thread \(thread), which was in no call of a module" }
        text += ", in \(phase)"
        guard let first = events.first else { return text }
        text += " of event \(first.id) of \(first.source) (\(first.type)), attempt \(first.attempt)"
        return events.count == 1 ? text : text + ", and \(events.count - 1) more of its batch"
    }

    private struct Members {
        let map: Value.Map

        func text(_ name: String) -> String? {
            if case .string(let text)? = map[.string(name)] { text } else { nil }
        }

        func number(_ name: String) -> Int64? {
            switch map[.string(name)] {
            case .int(let number)?: number
            case .uint(let number)?: Int64(clamping: number)
            default: nil
            }
        }
    }
}
