package import PatchbayEvents
package import PatchbayLog

/// Changes dead letters where they are: through the host that has their folder, or in the folder while none has it.
package struct LetterDesk: ~Copyable {
    /// Letters of one change at most.
    package static let lettersMax = ControlProtocol.lettersMax

    private let client: ControlClient?
    private var operations: LetterOperations?
    private let who: String
    /// Asked while a host is waited for; true gives up.
    package var isGivenUp: () -> Bool = { false }

    /// Whether a host takes the changes; else the next run sees them.
    package var isOnline: Bool { client != nil }

    /// - Parameters:
    ///   - routes, handlers: of the deliveries that will be made, by name.
    ///   - who: for the record.
    /// - Throws: `.locked` when a process has the folder that takes no changes; what reading a log throws.
    package init(folder: String, routes: [String], handlers: [String], who: String) throws(LogError) {
        self.who = who
        client = ControlClient(folder: folder)
        guard client == nil else { return }
        do {
            operations = try LetterOperations(folder: folder, routes: routes, handlers: handlers, who: who)
        } catch {
            guard error.code == .locked else { throw error }
            throw LogError(
                .locked,
                "\(error.message); it takes no changes at \(ControlProtocol.path(folder: folder)): it starts or ends just "
                    + "now, or is another command")
        }
    }

    /// Accepts the letters' events anew, each for one handler alone: the letter's, or `target`. At most `lettersMax`.
    /// `stored` is where letters are read from without a host.
    package mutating func redrive(_ ids: [LetterID], of stored: StoredLetters, to target: String?) throws {
        guard let client else { return try operations?.redrive(Self.read(ids, stored), to: target) ?? () }
        _ = try client.ask(.redrive(ids, to: target, by: who), isGivenUp: isGivenUp)
    }

    /// Makes sure that the host has a handler, before anything is changed. Says nothing without a host.
    package func check(target: String) throws {
        _ = try client?.ask(.redrive([], to: target, by: who), isGivenUp: isGivenUp)
    }

    /// The same where nothing is to be changed.
    package static func check(folder: String, target: String, who: String) throws {
        _ = try ControlClient(folder: folder)?.ask(.redrive([], to: target, by: who), isGivenUp: { false })
    }

    /// Throws letters away. At most `lettersMax`.
    package mutating func purge(_ ids: [LetterID], of stored: StoredLetters) throws {
        guard let client else { return try operations?.purge(Self.read(ids, stored)) ?? () }
        _ = try client.ask(.purge(ids, by: who), isGivenUp: isGivenUp)
    }

    private static func read(_ ids: [LetterID], _ stored: StoredLetters) throws -> [StoredLetter] {
        try ids.map { id in
            guard let letter = try stored.letter(id) else {
                throw LogError(.missing, "dead letter \(id) is not kept any more; list them anew")
            }
            return letter
        }
    }

    /// Keeps what is to be delivered instead; the letter stays as it is.
    package mutating func edit(_ letter: StoredLetter, to event: Event) throws {
        guard let client else { return try operations?.edit(letter, to: event) ?? () }
        _ = try client.ask(.edit(letter.id, event: event.json, by: who), isGivenUp: isGivenUp)
    }
}
