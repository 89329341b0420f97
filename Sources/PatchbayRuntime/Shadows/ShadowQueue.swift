import PatchbayDispatch

/// Calls that a shadow is still to be tried with: bounded, and what it does not take is counted. A value.
struct ShadowQueue {
    static let callsMax = 1024
    static let bytesMax = 16 << 20

    private var calls: [ShadowedCall] = []
    /// How many of `calls` are gone.
    private var taken = 0
    private var bytes = 0
    /// Promised to whoever brings one.
    private var expected = 0
    /// Calls of the sample: sampled = tried + dropped + those that wait or are being tried.
    private(set) var sampled: UInt64 = 0
    private(set) var dropped: UInt64 = 0
    private(set) var tried: UInt64 = 0
    private(set) var isClosed = false
    /// The call that was taken last is being tried.
    private(set) var isTrying = false

    var isEmpty: Bool { taken == calls.count }
    var waiting: UInt64 { sampled - tried - dropped }

    /// Whether there is room for one more call of the sample, which is dropped otherwise.
    mutating func expect() -> Bool {
        sampled += 1
        guard !isClosed, calls.count - taken + expected < Self.callsMax, bytes < Self.bytesMax else {
            dropped += 1
            return false
        }
        expected += 1
        return true
    }

    /// Takes a call that `expect` had room for.
    mutating func add(_ call: ShadowedCall) {
        expected -= 1
        guard !isClosed else {
            dropped += 1
            return
        }
        calls.append(call)
        bytes += call.byteCount
    }

    /// The oldest one, which is being tried until `finished` or `abandon` says otherwise.
    mutating func next() -> ShadowedCall? {
        guard taken < calls.count else { return nil }
        let call = calls[taken]
        isTrying = true
        taken += 1
        bytes -= call.byteCount
        if taken == calls.count || (taken > 64 && taken * 2 > calls.count) {
            calls.removeFirst(taken)
            taken = 0
        }
        return call
    }

    /// The call that is being tried has been; not so when it was given up meanwhile.
    mutating func finished() {
        guard isTrying else { return }
        isTrying = false
        tried += 1
    }

    /// The call that is being tried, if any, is given up.
    mutating func abandon() {
        guard isTrying else { return }
        isTrying = false
        dropped += 1
    }

    /// Nothing more is tried: what waits is dropped.
    mutating func close() {
        guard !isClosed else { return }
        isClosed = true
        dropped += UInt64(calls.count - taken)
        (calls, taken, bytes) = ([], 0, 0)
    }
}
