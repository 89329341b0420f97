/// What the module asks the API to do.
enum Operation: String, Sendable {
    case charge
    case capture
    case refund

    /// Where the event's key stands in what the API keeps.
    var metadata: String { "patchbay_\(rawValue)" }

    /// What an answer 402 is called: the request was sound, and could not be carried out.
    var failure: String { self == .charge ? "card_declined" : "\(rawValue)_failed" }
}
