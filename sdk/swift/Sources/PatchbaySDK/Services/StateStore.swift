import CPatchbay

/// A small key-value store that belongs to (module instance, handler, tenant).
///
/// A call reads its own writes. They are committed together with its emitted events once it is done, and dropped after
/// any other outcome. When another call committed a key first, the host runs this call again at no charge.
public struct StateStore: Sendable {
    let call: Call

    /// A stored value and its revision, which is never 0.
    public struct Entry: Sendable, Equatable {
        /// The stored bytes.
        public let value: [UInt8]
        /// Changes with every write.
        public let revision: UInt64
    }

    /// What a write expects to find.
    public enum Expectation: Sendable {
        /// No such key.
        case absent
        /// This revision.
        case revision(UInt64)
        /// Anything.
        case anything

        var revision: UInt64 {
            switch self {
            case .absent: 0
            case .revision(let revision): revision
            case .anything: .max
            }
        }
    }

    /// The value of a key; nil when there is none.
    public func get(_ key: String) throws(ServiceError) -> Entry? {
        guard let state = call.services.pointee.state else { throw .missing("state.get") }
        var revision: UInt64 = 0
        let value = try call.readValue("state.get") { buffer, length in
            key.withText { state.pointee.get(call.services.pointee.host, call.id, $0, buffer, length, &revision) }
        }
        return value.map { Entry(value: $0, revision: revision) }
    }

    /// The value of a key read as JSON; nil when there is none, or when it is not JSON.
    public func json(_ key: String) throws(ServiceError) -> JSON? {
        guard let entry = try get(key) else { return nil }
        do {
            return try JSON(parsing: entry.value)
        } catch {
            return nil
        }
    }

    /// Stores a value, for `timeToLive` from the commit when that is given. Throws `conflict` when it does not find
    /// what it expects, and `limit`.
    public func put(
        _ key: String, _ value: [UInt8], expecting: Expectation = .anything, timeToLive: Duration? = nil
    ) throws(ServiceError) {
        guard let state = call.services.pointee.state else { throw .missing("state.put") }
        let status = key.withText { key in
            value.withUnsafeBufferPointer { value in
                state.pointee.put(
                    call.services.pointee.host, call.id, key, value.baseAddress, UInt64(value.count),
                    expecting.revision, timeToLive.map { max(1, $0.nanoseconds) } ?? 0)
            }
        }
        try ServiceError.check(status, "state.put")
    }

    /// Stores a JSON value. Otherwise as for bytes.
    public func put(
        _ key: String, json: JSON, expecting: Expectation = .anything, timeToLive: Duration? = nil
    ) throws(ServiceError) {
        try put(key, Array(json.description.utf8), expecting: expecting, timeToLive: timeToLive)
    }

    /// Removes a key. False: there was none. Throws `conflict` when it does not find what it expects.
    @discardableResult
    public func delete(_ key: String, expecting: Expectation = .anything) throws(ServiceError) -> Bool {
        guard let state = call.services.pointee.state else { throw .missing("state.del") }
        let status = key.withText { key in
            state.pointee.del(call.services.pointee.host, call.id, key, expecting.revision)
        }
        if status == patchbay_status(PATCHBAY_E_NOT_FOUND) { return false }
        try ServiceError.check(status, "state.del")
        return true
    }
}

extension Call {
    /// The handler's state.
    public var state: StateStore { StateStore(call: self) }

    /// Reads a value whose length is not known, as `patchbay_state.get`; nil: there is none.
    func readValue(
        _ operation: String, _ get: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt64>) -> patchbay_status
    ) throws(ServiceError) -> [UInt8]? {
        var room = 256
        while true {
            var length = UInt64(room)
            var status: patchbay_status = 0
            let value = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                status = get(buffer.baseAddress, &length)
                count = status >= 0 ? min(room, Int(length)) : 0
            }
            if status == patchbay_status(PATCHBAY_E_NOT_FOUND) { return nil }
            if status == patchbay_status(PATCHBAY_E_LIMIT), length > UInt64(room) {
                room = Int(length)
                continue
            }
            try ServiceError.check(status, operation)
            return value
        }
    }
}
