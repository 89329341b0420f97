package import PatchbayEvents
import Synchronization

/// What calls of a shadow see of a state that has gone on meanwhile: some keys as they were. [any thread]
package final class ShadowView: Sendable {
    private let values = Mutex<StateBefore>([:])

    package init() {}

    /// The next calls see this.
    package func show(_ before: StateBefore) { values.withLock { $0 = before } }

    /// What a key held, be it nothing; `nil` for one that is as it is.
    package subscript(key: String) -> StateValue?? { values.withLock { $0[key] } }
}
