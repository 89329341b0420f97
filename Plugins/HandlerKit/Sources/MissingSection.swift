/// A handler is routed to, and the module's configuration lacks its section.
package struct MissingSection: Error, CustomStringConvertible {
    /// As in `notification.email`.
    package let handler: String
    /// The key under `config`.
    package let section: String

    /// The section of a handler. Throws this error where it is nil.
    package static func require<T>(_ value: T?, _ section: String, for handler: String) throws(MissingSection) -> T {
        guard let value else { throw MissingSection(handler: handler, section: section) }
        return value
    }

    /// What to add.
    package var description: String { "\(handler) needs the section '\(section)' in the module's config" }
}

/// When an API is asked whether an earlier attempt got through, before it is asked to do something again.
package enum Lookup: String, Decodable, Sendable {
    /// From the second attempt on.
    case retries
    /// Also before the first attempt, which may follow a crash of the host.
    case always
    case never

    /// Whether to ask at an attempt, counted from 1.
    package func isDue(at attempt: Int) -> Bool {
        switch self {
        case .retries: attempt > 1
        case .always: true
        case .never: false
        }
    }
}
