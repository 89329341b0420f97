/// What the module host knows about a handler's name.
package enum HandlerLookup: Sendable, Equatable {
    case found
    /// Nothing has this name; `candidates` are the names that there are.
    case unknown(candidates: [String])
    /// Not one instance has the version that the name asks for; `accepted` are names that there are.
    case noVersion(reason: String, accepted: [String])
    /// Its module was found and refused.
    case rejected(reason: String, remedy: String?)
}
