import CPatchbay
import Glibc
import PatchbayEvents
import Synchronization

/// What is to be told to a worker, in order: on a thread that has nothing else to do.
final class ErrandQueue: Sendable {
    enum Errand: Sendable {
        /// The call as the worker sees it.
        case cancel(life: Int, call: patchbay_call, instance: IsolatedInstance, why: Int32)
        case answered(life: Int, AnswerMessage)
    }

    // Bounded by what causes it: calls that are open, and requests that the engine carries.
    private let waiting = Mutex<[Errand]>([])
    private let gate: Gate

    init(gate: Gate) { self.gate = gate }

    func post(_ errand: Errand) {
        waiting.withLock { $0.append(errand) }
        gate.notify()
    }

    func takeAll() -> [Errand] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}

/// An answer to a request of a module, as bytes that the worker reads; freed with it.
final class AnswerMessage: @unchecked Sendable {
    // Invariant: the memory is this object's alone and is not written to.
    let bytes: UnsafeMutablePointer<UInt8>
    let count: UInt64

    init(_ bytes: UnsafeMutablePointer<UInt8>, _ count: UInt64) { (self.bytes, self.count) = (bytes, count) }
    deinit { free(bytes) }
}

/// Where answers for one life of a worker go.
final class AnswerBox: Sendable {
    private let life: Int
    private let errands: ErrandQueue

    init(life: Int, errands: ErrandQueue) { (self.life, self.errands) = (life, errands) }

    func post(_ message: UnsafeMutablePointer<UInt8>, _ length: UInt64) {
        errands.post(.answered(life: life, AnswerMessage(message, length)))
    }
}
