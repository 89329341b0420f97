/// One way in which an instance departs from its schema.
package struct Violation: Sendable, Hashable, CustomStringConvertible {
    /// Where in the instance: a JSON pointer (RFC 6901); empty is the instance itself.
    package let instanceLocation: String
    /// Which keyword of the schema: `#/properties/port/maximum`, after the resource's URI when it has one.
    package let schemaLocation: String
    /// The keyword alone: `maximum`; empty for the schema `false`; `limit` when validation was stopped.
    package let keyword: String
    /// For humans, without the location: `must be one of "a", "b", got string "c"`.
    package let message: String

    package init(instanceLocation: String, schemaLocation: String, keyword: String, message: String) {
        self.instanceLocation = instanceLocation
        self.schemaLocation = schemaLocation
        self.keyword = keyword
        self.message = message
    }

    package var description: String {
        instanceLocation.isEmpty ? message : "\(instanceLocation): \(message)"
    }
}
