/// What the module host knows about a handler's name.
package enum HandlerLookup: Sendable, Equatable {
    case found
    /// Nothing has this name; `candidates` are the names that there are.
    case unknown(candidates: [String])
    /// Its module was found and refused.
    case rejected(reason: String, remedy: String?)
}
