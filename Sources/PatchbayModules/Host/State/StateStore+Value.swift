extension StateStore {
    /// A handler's committed value for a key; `nil` when there is none. `now` is Unix nanoseconds. [any thread]
    package func value(of key: String, in scope: HandlerScope, now: UInt64) -> [UInt8]? {
        get(key, of: scope, now: now)?.value
    }
}
