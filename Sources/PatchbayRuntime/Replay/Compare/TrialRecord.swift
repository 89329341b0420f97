package import PatchbayEvents

/// What a handler made of one event, as it is compared: without times, and without what differs each time.
package struct TrialRecord: Sendable, Equatable {
    package var id: String
    package var source: String
    /// `done`, `retry`, …; `timeout` when it was not complete in time, `hang` when it did not return.
    package var outcome: String
    package var code: Int32 = 0
    /// What stands before the colon.
    package var failureClass = ""
    package var reason = ""
    /// Each as JSON: type, subject, data and so on, in order.
    package var emits: [Value] = []
    /// Keys and values, in order.
    package var state: [Value] = []
    package var timers: [Value] = []
    /// How long the call took.
    package var nanoseconds: UInt64 = 0

    /// The outcome of an event that its route could not transform, so that the handler did not get it.
    static let untransformed = "untransformed"

    package init(id: String, source: String, outcome: String) {
        self.id = id
        self.source = source
        self.outcome = outcome
    }

    package var value: Value {
        .object([
            ("id", .string(id)), ("source", .string(source)), ("outcome", .string(outcome)),
            ("code", .int(Int64(code))),
            ("class", .string(failureClass)), ("reason", .string(reason)), ("emits", .list(emits)),
            ("state", .list(state)), ("timers", .list(timers)), ("nanoseconds", .uint(nanoseconds)),
        ])
    }

    /// `nil` for anything else than what `value` gives.
    package init?(_ value: Value) {
        guard case .map(let members) = value, case .string(let id) = members["id"],
            case .string(let source) = members["source"], case .string(let outcome) = members["outcome"],
            case .int(let code) = members["code"], case .string(let failureClass) = members["class"],
            case .string(let reason) = members["reason"], case .list(let emits) = members["emits"],
            case .list(let state) = members["state"], case .list(let timers) = members["timers"],
            case .int(let nanoseconds) = members["nanoseconds"]
        else { return nil }
        self.init(id: id, source: source, outcome: outcome)
        self.code = Int32(truncatingIfNeeded: code)
        (self.failureClass, self.reason) = (failureClass, reason)
        (self.emits, self.state, self.timers) = (emits, state, timers)
        self.nanoseconds = UInt64(clamping: nanoseconds)
    }

    /// For what is shown: `retry (code 7, timeout)`.
    package var result: String {
        let parts = [code == 0 ? "" : "code \(code)", failureClass].filter { !$0.isEmpty }
        return parts.isEmpty ? outcome : "\(outcome) (\(parts.joined(separator: ", ")))"
    }
}

extension TrialRecord {
    /// What a call said and asked for.
    init(_ event: Event, outcome: String, details: ResultDetails?, effects: CallEffects?, nanoseconds: UInt64) {
        self.init(id: event.id, source: event.source, outcome: outcome)
        self.nanoseconds = nanoseconds
        code = details?.code ?? 0
        reason = String((details?.reason ?? "").prefix(1024))
        failureClass = String(reason.prefix { $0 != ":" })
        guard outcome == OutcomeKind.done.name, let effects else { return }
        let reader = JSONReader()
        emits = effects.emits.map { Self.value(of: $0.event, reader) }
        state = effects.stateWrites.map { write in
            .object([("key", .string(write.key)), ("value", Self.text(write.value))])
        }
        timers = effects.timers.map { change in
            switch change {
            case .set(let id, let event):
                .object([("set", .string(id)), ("event", Self.value(of: event.event, reader))])
            case .cancel(let id): .object([("cancel", .string(id))])
            }
        }
    }

    private static func value(of event: Event, _ reader: JSONReader) -> Value {
        var members: [(String, Value)] = [("type", .string(event.type)), ("source", .string(event.source))]
        if !event.id.isEmpty { members.append(("id", .string(event.id))) }
        if let subject = event.subject { members.append(("subject", .string(subject))) }
        if let schema = event.dataschema { members.append(("dataschema", .string(schema))) }
        members += event.extensions.sorted { $0.name < $1.name }.map { ($0.name, .string($0.value)) }
        if let data = event.data {
            var value = text(data)
            if event.dataIsJSON {
                // What is no JSON after all is compared as it is.
                do { value = try reader.value(data) } catch { value = text(data) }
            }
            members.append(("data", value))
        }
        return .object(members)
    }

    /// Text where it is text, else hexadecimal digits.
    private static func text(_ bytes: [UInt8]?) -> Value {
        guard let bytes else { return .null }
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        return .string("0x" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }
}
