/// What keys of a handler's state held at some moment; `nil` is nothing. Other keys are as they are.
package typealias StateBefore = [String: StateValue?]

/// A value of a handler's state.
package struct StateValue: Sendable, Equatable {
    package var bytes: [UInt8]
    package var revision: UInt64

    package init(bytes: [UInt8], revision: UInt64) {
        self.bytes = bytes
        self.revision = revision
    }
}
