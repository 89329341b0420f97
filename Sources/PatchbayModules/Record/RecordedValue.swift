import CPatchbay
package import PatchbayEvents

/// How recordings write bytes, statuses and events as JSON values, and read them again.
package enum RecordedValue {
    /// What stands for text that must not be written down.
    package static let redacted = "[redacted]"

    /// Text where the bytes are UTF-8, else `{"hex": "…"}`.
    package static func bytes(_ bytes: some Collection<UInt8>) -> Value {
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        return .object([("hex", .string(ContentHash.hexadecimal(bytes)))])
    }

    /// Text of the host's own, or that a service has checked.
    static func text(_ text: patchbay_str) -> Value { bytes(text.bytes) }

    static func number(_ number: UInt64) -> Value { Int64(exactly: number).map { .int($0) } ?? .uint(number) }

    /// `nil` for what was written otherwise.
    package static func bytes(of value: Value?) -> [UInt8]? {
        if case .string(let text) = value { return Array(text.utf8) }
        guard case .string(let hex)? = value?.member("hex") else { return nil }
        let digits = Array(hex.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    // MARK: Statuses

    private static let names: [(patchbay_status, String)] = [
        (.ok, "ok"), (.pending, "pending"), (.badArgument, "argument"), (.badState, "state"),
        (.unsupported, "unsupported"), (.noMemory, "memory"), (.stale, "stale"), (.conflict, "conflict"),
        (.limit, "limit"), (.internalError, "internal"), (.notFound, "notFound"),
    ]

    static func status(_ status: patchbay_status) -> Value {
        names.first { $0.0 == status }.map { .string($0.1) } ?? .int(Int64(status))
    }

    /// What has no such name is a fault of the host's.
    static func status(of value: Value?) -> patchbay_status {
        switch value {
        case .string(let name): names.first { $0.1 == name }?.0 ?? .internalError
        case .int(let number): patchbay_status(truncatingIfNeeded: number)
        default: .internalError
        }
    }

    // MARK: Events

    /// An event's view, every attribute as it is.
    static func event(_ view: patchbay_event) -> Value {
        var members: [(String, Value)] = [
            ("id", text(view.id)), ("source", text(view.source)), ("type", text(view.type)),
        ]
        let others = [
            ("subject", view.subject), ("time", view.time), ("datacontenttype", view.datacontenttype),
            ("dataschema", view.dataschema),
        ]
        members += others.filter { $0.1.len > 0 }.map { ($0.0, text($0.1)) }
        if view.ext_count > 0 {
            members.append(
                ("extensions", pairs(ForeignText.pairs(view.ext, view.ext_count, max: .max))))
        }
        if view.data_len > 0 {
            members.append(("data", bytes(UnsafeBufferPointer(start: view.data, count: Int(view.data_len)))))
        }
        return .object(members)
    }

    /// What a handler drafted; its time is apart, since it is another one each time.
    static func draft(
        _ draft: UnsafePointer<patchbay_draft>?, _ context: HostContext
    ) throws(ServiceRefusal) -> Value {
        let scope = try context.requiredScope()
        let event = try DraftReader.event(draft, scope: scope, limits: context.environment.limits).event
        var members: [(String, Value)] = [("type", .string(event.type)), ("source", .string(event.source))]
        if !event.id.isEmpty { members.append(("id", .string(event.id))) }
        if let subject = event.subject { members.append(("subject", .string(subject))) }
        if let type = event.datacontenttype { members.append(("datacontenttype", .string(type))) }
        if !event.extensions.isEmpty {
            members.append(("extensions", .object(event.extensions.map { ($0.name, .string($0.value)) })))
        }
        if let data = event.data { members.append(("data", bytes(data))) }
        return .object(members)
    }

    /// When a draft is due, in nanoseconds from now; 0: at once.
    static func delay(_ draft: UnsafePointer<patchbay_draft>?, _ context: HostContext) -> Value {
        guard let draft, draft.pointee.size >= UInt32(MemoryLayout<patchbay_draft>.size) else { return .int(0) }
        let now = context.environment.unixNow()
        return .int(draft.pointee.not_before_ns > now ? Int64(clamping: draft.pointee.not_before_ns - now) : 0)
    }

    static func pairs(_ pairs: UnsafeBufferPointer<patchbay_kv>) -> Value {
        .object(pairs.map { (String($0.key), text($0.value)) })
    }
}

extension Value {
    /// A member of a map; `nil` for what has none of that name.
    package func member(_ name: String) -> Value? {
        guard case .map(let map) = self else { return nil }
        return map[name]
    }

    /// A member's text.
    package func text(_ name: String) -> String? {
        guard case .string(let text)? = member(name) else { return nil }
        return text
    }

    /// A member that is a number of no sign.
    package func number(_ name: String) -> UInt64? {
        switch member(name) {
        case .int(let number): UInt64(exactly: number)
        case .uint(let number): number
        default: nil
        }
    }

    /// A member's elements; none for what is no list.
    package func list(_ name: String) -> [Value] {
        guard case .list(let list)? = member(name) else { return [] }
        return list
    }

    /// The same with every text in it changed, names aside.
    func mappingText(_ change: (String) -> String) -> Value {
        switch self {
        case .string(let text): .string(change(text))
        case .list(let list): .list(list.map { $0.mappingText(change) })
        case .map(let map): .map(Map(map.entries.map { (key: $0.key, value: $0.value.mappingText(change)) }))
        default: self
        }
    }
}
