import CPatchbay
import CPatchbaySystem
import PatchbayEvents

/// Calls in which an earlier run of the host ended: an event by source and id, and the handler that had it.
///
/// Immutable; workers look at each call's event, so the path of one that is none costs a hash of its id.
package struct SuspectCalls: Sendable {
    /// One event with one handler.
    package struct Suspect: Sendable, Equatable {
        /// As routes name it.
        package var handler: String
        /// The handler's, in this process; another one, its version included, has to show itself anew.
        package var module: String
        package var version: String
        package var source: String
        package var id: String
        /// Why it is not to be handed over any more, as the reason of its dead letter; `nil`: it is, but by itself.
        package var refusal: String?

        package init(handler: String, module: String, version: String, source: String, id: String, refusal: String?) {
            self.handler = handler
            self.module = module
            self.version = version
            self.source = source
            self.id = id
            self.refusal = refusal
        }
    }

    private let byID: [UInt64: [Suspect]]

    /// `nil` when there is none.
    package init?(_ suspects: [Suspect]) {
        guard !suspects.isEmpty else { return nil }
        byID = Dictionary(grouping: suspects) { Self.hash($0.id.utf8) }
    }

    /// The suspect that a call is, by whose code it runs and its event's view. [worker]
    func suspect(_ code: CodeOwner, _ view: UnsafePointer<patchbay_event>) -> Suspect? {
        byID[Self.hash(view.pointee.id.bytes)]?.first {
            $0.id.utf8.elementsEqual(view.pointee.id.bytes) && $0.source.utf8.elementsEqual(view.pointee.source.bytes)
                && $0.handler.utf8.elementsEqual(code.pointer.pointee.handler.bytes)
                && $0.module.utf8.elementsEqual(code.pointer.pointee.module.bytes)
                && $0.version.utf8.elementsEqual(code.pointer.pointee.version.bytes)
        }
    }

    /// FNV-1a.
    private static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
