package import CPatchbay
import CPatchbaySystem
package import Synchronization

/// The calls that are open with handlers, each a slot that is reused under a new generation.
///
/// A `patchbay_call` is generation (40 bits) and slot index (24 bits). All that ends a call goes through one atomic
/// word in its slot, so a late, double or invented completion is `E_STALE` and never touches another call. Whoever
/// comes second of "completed" and "handle returned" posts the slot to the dispatcher, which alone frees it.
///
/// Threads: `arm` and `free` by the dispatcher; `begin` and `returned` by the worker that runs the call; everything
/// else from any thread.
package final class CallTable: Sendable {
    /// Slots; a call index is below this.
    package let capacity: Int
    // Invariant of the raw memory below: it is mapped for the table's whole life. A slot's `word` is only touched
    // atomically; its view and scratch belong to the worker from `arm` until the call is posted, and to the handler
    // for reading; `details` belongs to whoever set CLAIMED until COMPLETED is set, then to the dispatcher; `next`
    // belongs to whoever posts.
    package nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>
    package nonisolated(unsafe) let started: UnsafeMutablePointer<Atomic<UInt64>>
    package nonisolated(unsafe) let views: UnsafeMutablePointer<patchbay_event>
    package nonisolated(unsafe) let scratch: UnsafeMutablePointer<UInt8>
    package nonisolated(unsafe) let next: UnsafeMutablePointer<UInt32>
    private nonisolated(unsafe) let details: UnsafeMutablePointer<UnsafeRawPointer?>
    private nonisolated(unsafe) let foreign: UnsafeMutablePointer<Atomic<UInt32>>
    private let shards: [EffectsShard]
    private let doorbell: Doorbell
    private let stopping = Atomic<Bool>(false)
    /// Room for what handlers have emitted and the log has not taken yet; the dispatcher moves its bound as the log
    /// fills.
    package let emitRoom = ByteRoom(bytesMax: .max)

    /// Bytes of scratch that every slot has for what its view points at (idempotency key, traceparent).
    package static let scratchBytes = 512

    /// Address space for `capacity` slots (at most 2^24) is taken now, memory as they are used. The doorbell is the
    /// dispatcher's.
    package init(capacity: Int, doorbell: Doorbell) {
        precondition(capacity > 0 && capacity < 1 << 24, "a call index has 24 bits")
        self.capacity = capacity
        self.doorbell = doorbell
        words = Self.reserve(capacity)
        started = Self.reserve(capacity)
        views = Self.reserve(capacity)
        scratch = Self.reserve(capacity * Self.scratchBytes)
        next = Self.reserve(capacity)
        details = Self.reserve(capacity)
        foreign = Self.reserve(1)
        shards = (0..<64).map { _ in EffectsShard() }
    }

    deinit {
        pbs_release(words, UInt64(capacity * MemoryLayout<UInt64>.stride))
        pbs_release(started, UInt64(capacity * MemoryLayout<UInt64>.stride))
        pbs_release(views, UInt64(capacity * MemoryLayout<patchbay_event>.stride))
        pbs_release(scratch, UInt64(capacity * Self.scratchBytes))
        pbs_release(next, UInt64(capacity * MemoryLayout<UInt32>.stride))
        pbs_release(details, UInt64(capacity * MemoryLayout<UnsafeRawPointer?>.stride))
        pbs_release(foreign, UInt64(MemoryLayout<UInt32>.stride))
    }

    // MARK: Dispatcher

    /// Opens the slot under its next generation and returns the call's id.
    @inlinable package func arm(_ index: Int) -> patchbay_call {
        let generation = (words[index].load(ordering: .relaxed) >> CallWord.generationShift) &+ 1
        started[index].store(0, ordering: .relaxed)
        words[index].store(generation << CallWord.generationShift | CallWord.open, ordering: .releasing)
        return generation << 24 | UInt64(index)
    }

    /// The id of the call in a slot.
    @inlinable package func call(at index: Int) -> patchbay_call {
        (words[index].load(ordering: .relaxed) >> CallWord.generationShift) << 24 | UInt64(index)
    }

    /// Takes the outcome out of a posted slot and closes it; `arm` may reuse it at once.
    @inlinable package func settle(_ index: Int) -> SettledCall {
        var word = words[index].load(ordering: .acquiring)
        while word & CallWord.pins != 0 {
            // A service call is still reading this call on another thread: it is short.
            pause()
            word = words[index].load(ordering: .acquiring)
        }
        // That the host closed it stays to be seen by whoever completes it late and asks why that was refused.
        words[index].store(word & ~CallWord.allFlags | (word & CallWord.closed), ordering: .releasing)
        var settled = SettledCall(kind: OutcomeKind(rawValue: UInt8(truncatingIfNeeded: word >> 8)) ?? .retry)
        settled.wasClosed = word & CallWord.closed != 0
        settled.wasPending = word & CallWord.returned != 0
        if word & (CallWord.details | CallWord.effects) != 0 { takeExtras(index, word, &settled) }
        return settled
    }

    /// The chain of slots posted by threads that are not workers; latest first, linked by `next` (index + 1, 0 ends).
    package func takeForeign() -> UInt32 { foreign.pointee.exchange(0, ordering: .acquiring) }
    package var hasForeign: Bool { foreign.pointee.load(ordering: .relaxed) != 0 }

    /// Asks for a soft end: `cancelled` answers yes from now on. False when the call is already completed.
    package func requestCancel(_ index: Int) -> Bool {
        update(index) { $0 & CallWord.claimed == 0 ? $0 | CallWord.cancel : nil } != nil
    }

    /// Ends a call whose completion did not come in time: the late one will be `E_STALE` and still post the slot, so
    /// that the event's memory stays until then. False when the completion was faster.
    package func close(_ index: Int) -> Bool {
        let ended = CallWord.claimed | CallWord.closed | CallWord.cancel
        guard let word = update(index, { $0 & CallWord.claimed == 0 ? $0 | ended : nil }) else { return false }
        // What it asked for never comes about, and must not keep the room of others until it ends.
        if word & CallWord.effects != 0 { takeEffects(index) }
        return true
    }

    /// `cancelled` answers yes to everyone from now on.
    package func stop() { stopping.store(true, ordering: .releasing) }

    // MARK: Any thread

    /// Ends a call once; `result` nil is a plain `done`. A second time gives `E_STALE`.
    package func complete(
        _ call: patchbay_call, _ result: UnsafePointer<patchbay_result>?
    ) -> patchbay_status {
        let index = Int(call & 0xFF_FFFF)
        guard index < capacity, result?.pointee.isPlainDone ?? true else { return completeInFull(call, result) }
        // The usual case: open, nobody else at it, `handle` still running. One exchange ends it.
        let expected = (call >> 24) << CallWord.generationShift | CallWord.open
        let done = expected | CallWord.claimed | CallWord.completed | UInt64(OutcomeKind.done.rawValue) << 8
        let exchange = words[index].compareExchange(
            expected: expected, desired: done, successOrdering: .acquiringAndReleasing, failureOrdering: .relaxed)
        return exchange.exchanged ? .ok : completeInFull(call, result)
    }

    @inline(never)
    private func completeInFull(
        _ call: patchbay_call, _ result: UnsafePointer<patchbay_result>?
    ) -> patchbay_status {
        guard let index = slot(of: call) else { return .stale }
        var kind = OutcomeKind.done
        var extra = false
        if let result {
            guard result.pointee.size >= 8 else { return .badArgument }
            kind = OutcomeKind(abi: result.pointee.outcome)
            extra = !result.pointee.isPlainDone
        }
        guard extra, let result else { return finish(index, call, kind, details: nil) }
        return finish(index, call, kind, details: ResultDetails(result))
    }

    /// The same from values of the host's own: built-in handlers, and the word of a failed `handle`.
    package func complete(_ call: patchbay_call, _ kind: OutcomeKind, _ details: ResultDetails?) -> patchbay_status {
        guard let index = slot(of: call) else { return .stale }
        return finish(index, call, kind, details: details)
    }

    /// Why a call should end, as `PATCHBAY_CANCEL_*`; 0 while it should go on. A call that is not open should end, too.
    package func cancelReason(_ call: patchbay_call) -> Int32 {
        let timeout = Int32(PATCHBAY_CANCEL_TIMEOUT)
        let shutdown = Int32(PATCHBAY_CANCEL_SHUTDOWN)
        guard pin(call) else { return stopping.load(ordering: .acquiring) ? shutdown : timeout }
        defer { unpin(call) }
        let index = Int(call & 0xFF_FFFF)
        let deadline = views[index].deadline_ns
        if deadline != 0, pbs_now_coarse() >= deadline { return timeout }
        if stopping.load(ordering: .acquiring) { return shutdown }
        return words[index].load(ordering: .acquiring) & CallWord.cancel == 0 ? 0 : timeout
    }

    /// Whether a call should end.
    package func isCancelled(_ call: patchbay_call) -> Bool { cancelReason(call) != 0 }

    /// Runs `body` with the event view of an open call, which cannot end meanwhile; `nil` when it is not open.
    package func withOpenEvent<R>(_ call: patchbay_call, _ body: (UnsafePointer<patchbay_event>) -> R) -> R? {
        guard pin(call) else { return nil }
        defer { unpin(call) }
        return body(UnsafePointer(views + Int(call & 0xFF_FFFF)))
    }

    /// Runs `body` with the buffered effects of an open call; `nil` when it is not open.
    package func withEffects<R>(_ call: patchbay_call, _ body: (inout CallEffects) -> R) -> R? {
        guard pin(call) else { return nil }
        defer { unpin(call) }
        let index = Int(call & 0xFF_FFFF)
        let result = shards[index & 63].effects.withLock { body(&$0[UInt32(index), default: CallEffects()]) }
        _ = update(index) { $0 | CallWord.effects }
        return result
    }

    // MARK: Worker

    /// Whoever comes second of completion and return posts the slot; true when that is the worker, now.
    /// `status` is what `handle` returned. `message` is asked for only when it is negative.
    @inlinable package func returned(
        _ index: Int, _ call: patchbay_call, _ status: patchbay_status, message: () -> String
    ) -> Bool {
        let word = words[index].load(ordering: .acquiring)
        if word & CallWord.completed != 0 { return true }
        if status == .ok, word & (CallWord.claimed | CallWord.closed) == 0 {
            let done = word | CallWord.claimed | CallWord.completed | UInt64(OutcomeKind.done.rawValue) << 8
            if words[index].compareExchange(expected: word, desired: done, ordering: .acquiringAndReleasing).exchanged {
                return true
            }
        }
        return returnedSlowly(index, call, status, message: message)
    }

    /// Whether a completed call asks for another attempt or has failed for good.
    @inlinable package func hasFailed(_ index: Int) -> Bool {
        let outcome = UInt8(truncatingIfNeeded: words[index].load(ordering: .relaxed) >> 8)
        return outcome == OutcomeKind.retry.rawValue || outcome == OutcomeKind.fail.rawValue
    }

    /// Gives a call back that was never started. [worker, before `handle`]
    package func giveBack(_ index: Int) {
        let unstarted = UInt64(OutcomeKind.unstarted.rawValue) << 8
        words[index].bitwiseOr(CallWord.claimed | CallWord.completed | unstarted, ordering: .acquiringAndReleasing)
    }

    @usableFromInline package func returnedSlowly(
        _ index: Int, _ call: patchbay_call, _ status: patchbay_status, message: () -> String
    ) -> Bool {
        // What ends with its return is not marked as returned: only calls that stayed open are asynchronous.
        if status == .ok, finish(index, call, .done, details: nil) == .ok { return true }
        if status < 0, finish(index, call, .retry, details: ResultDetails(reason: message())) == .ok { return true }
        let before = words[index].bitwiseOr(CallWord.returned, ordering: .acquiringAndReleasing).oldValue
        return before & CallWord.completed != 0
    }

    // MARK: Private

    private func slot(of call: patchbay_call) -> Int? {
        let index = Int(call & 0xFF_FFFF)
        return index < capacity ? index : nil
    }

    private func finish(_ index: Int, _ call: patchbay_call, _ kind: OutcomeKind, details: ResultDetails?)
        -> patchbay_status
    {
        var word = words[index].load(ordering: .acquiring)
        let plain = CallWord.claimed | CallWord.completed | UInt64(kind.rawValue) << 8
        while true {
            guard word >> CallWord.generationShift == call >> 24, word & CallWord.open != 0 else { return .stale }
            if word & CallWord.claimed != 0 {
                if word & CallWord.closed != 0 { finishLate(index, word) }
                return .stale
            }
            let desired = details == nil ? word | plain : word | CallWord.claimed
            let result = words[index].compareExchange(
                expected: word, desired: desired, ordering: .acquiringAndReleasing)
            if result.exchanged { break }
            word = result.original
        }
        if let details {
            self.details[index] = UnsafeRawPointer(Unmanaged.passRetained(DetailsBox(details)).toOpaque())
            word = words[index].bitwiseOr(plain | CallWord.details, ordering: .acquiringAndReleasing).oldValue
        }
        if word & CallWord.returned != 0 { post(index) }
        return .ok
    }

    /// The completion of a call that the host has closed: the slot may now be freed. By exchange, because the slot may
    /// be freed and reused between two late completions.
    private func finishLate(_ index: Int, _ seen: UInt64) {
        var word = seen
        while word & CallWord.completed == 0 {
            let result = words[index].compareExchange(
                expected: word, desired: word | CallWord.completed, ordering: .acquiringAndReleasing)
            if result.exchanged {
                if word & CallWord.returned != 0 { post(index) }
                return
            }
            word = result.original
            guard word >> CallWord.generationShift == seen >> CallWord.generationShift, word & CallWord.closed != 0,
                word & CallWord.open != 0
            else { return }
        }
    }

    private func post(_ index: Int) {
        var head = foreign.pointee.load(ordering: .relaxed)
        while true {
            next[index] = head
            let result = foreign.pointee.weakCompareExchange(
                expected: head, desired: UInt32(index + 1), successOrdering: .releasing, failureOrdering: .relaxed)
            if result.exchanged { break }
            head = result.original
        }
        doorbell.ring()
    }

    private func pin(_ call: patchbay_call) -> Bool {
        guard let index = slot(of: call) else { return false }
        return update(index) { word in
            guard word >> CallWord.generationShift == call >> 24, word & CallWord.open != 0,
                word & CallWord.claimed == 0, word & CallWord.pins != CallWord.pins
            else { return nil }
            return word + CallWord.pin
        } != nil
    }

    private func unpin(_ call: patchbay_call) {
        words[Int(call & 0xFF_FFFF)].subtract(CallWord.pin, ordering: .releasing)
    }

    private func update(_ index: Int, _ change: (UInt64) -> UInt64?) -> UInt64? {
        var word = words[index].load(ordering: .acquiring)
        while let desired = change(word) {
            let result = words[index].compareExchange(
                expected: word, desired: desired, ordering: .acquiringAndReleasing)
            if result.exchanged { return desired }
            word = result.original
        }
        return nil
    }

    @usableFromInline package func takeExtras(_ index: Int, _ word: UInt64, _ settled: inout SettledCall) {
        if word & CallWord.details != 0, let box = details[index] {
            settled.details = Unmanaged<DetailsBox>.fromOpaque(box).takeRetainedValue().details
            details[index] = nil
        }
        if word & CallWord.effects != 0 {
            settled.effects = takeEffects(index)
        }
    }

    @discardableResult
    private func takeEffects(_ index: Int) -> CallEffects? {
        shards[index & 63].effects.withLock { $0.removeValue(forKey: UInt32(index)) }
    }

    @usableFromInline package func pause() { pbs_pause() }

    private static func reserve<T: ~Copyable>(_ count: Int) -> UnsafeMutablePointer<T> {
        let bytes = UInt64(count * MemoryLayout<T>.stride)
        guard let raw = pbs_reserve(bytes) else { preconditionFailure("no address space for \(bytes) bytes") }
        return raw.bindMemory(to: T.self, capacity: count)
    }
}

/// The bits of a slot's word: generation (40) | pins (8) | outcome (8) | flags (8).
@usableFromInline package enum CallWord {
    @inlinable package static var open: UInt64 { 1 << 0 }
    @inlinable package static var returned: UInt64 { 1 << 1 }
    @inlinable package static var claimed: UInt64 { 1 << 2 }
    @inlinable package static var completed: UInt64 { 1 << 3 }
    @inlinable package static var details: UInt64 { 1 << 4 }
    @inlinable package static var effects: UInt64 { 1 << 5 }
    /// By the host, before the handler completed it.
    @inlinable package static var closed: UInt64 { 1 << 6 }
    @inlinable package static var cancel: UInt64 { 1 << 7 }
    @inlinable package static var pin: UInt64 { 1 << 16 }
    @inlinable package static var pins: UInt64 { 0xFF << 16 }
    @inlinable package static var generationShift: UInt64 { 24 }
    @inlinable package static var allFlags: UInt64 { 0xFF_FFFF }
}

/// What the dispatcher takes out of a posted slot.
package struct SettledCall: Sendable {
    package var kind: OutcomeKind
    /// The host had given up on it; the outcome was settled then and only the memory is free now.
    package var wasClosed = false
    /// `handle` had returned before it was complete.
    package var wasPending = false
    package var details: ResultDetails?
    package var effects: CallEffects?

    @inlinable package init(kind: OutcomeKind) { self.kind = kind }
}

private final class DetailsBox: Sendable {
    let details: ResultDetails
    init(_ details: ResultDetails) { self.details = details }
}

private final class EffectsShard: Sendable {
    let effects = Mutex<[UInt32: CallEffects]>([:])
}

extension patchbay_result {
    /// A whole result that says `done` and nothing else. One that is cut short is looked at field by field.
    fileprivate var isPlainDone: Bool {
        outcome == Int32(PATCHBAY_DONE) && size >= UInt32(MemoryLayout<patchbay_result>.size)
            && UInt64(flags) | UInt64(UInt32(bitPattern: code)) | retry_after_ns | reason.len | detail_json.len
                | reply.len == 0
    }
}
