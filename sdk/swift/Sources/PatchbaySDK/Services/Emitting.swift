import CPatchbay

extension Call {
    /// Emits an event once this call is done; any other outcome drops it. Throws `argument`, `limit`, `stale`, or
    /// `unsupported`.
    public func emit(_ draft: EventDraft) throws(ServiceError) {
        guard let emit = services.pointee.emit else { throw .missing("emit.add") }
        let status = draft.withDraft { emit.pointee.add(services.pointee.host, id, $0) }
        try ServiceError.check(status, "emit.add")
    }

    /// Sets the timer `key` of this handler: at `atNanoseconds` since the Unix epoch the drafted event comes to this
    /// handler and no other, with the attribute `timerkey`. Replaces one of the same key that has not fired. Takes
    /// effect once this call is done.
    public func setTimer(_ key: String, atNanoseconds: UInt64, _ draft: EventDraft) throws(ServiceError) {
        guard let timer = services.pointee.timer else { throw .missing("timer.set") }
        var draft = draft
        draft.notBeforeNanoseconds = atNanoseconds
        let status = key.withText { key in
            draft.withDraft { timer.pointee.set(services.pointee.host, id, key, $0) }
        }
        try ServiceError.check(status, "timer.set")
    }

    /// Cancels the timer `key`, once this call is done. False: none was set. An event that has fired is not taken back.
    @discardableResult
    public func cancelTimer(_ key: String) throws(ServiceError) -> Bool {
        guard let timer = services.pointee.timer else { throw .missing("timer.cancel") }
        let status = key.withText { key in timer.pointee.cancel(services.pointee.host, id, key) }
        if status == patchbay_status(PATCHBAY_E_NOT_FOUND) { return false }
        try ServiceError.check(status, "timer.cancel")
        return true
    }
}
