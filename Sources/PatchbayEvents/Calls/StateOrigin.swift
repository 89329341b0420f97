/// Where a value of a handler's state comes from.
package struct StateOrigin: Equatable, Sendable {
    /// Of the handler that wrote it, see `Handler.definition`; 0 is not known.
    package var definition: UInt64
    /// Of the event with whose outcome it was committed; `UInt64.max` is not known.
    package var position: UInt64

    /// Of values that a log kept before it kept this.
    package static let unknown = StateOrigin(definition: 0, position: .max)

    package init(definition: UInt64, position: UInt64) {
        self.definition = definition
        self.position = position
    }
}
