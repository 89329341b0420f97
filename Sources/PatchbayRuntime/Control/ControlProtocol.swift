import PatchbayEvents
package import PatchbayLog

/// What is said over a host's control socket: requests and answers, each a JSON object on one line.
///
/// Every line has the protocol's version as `patchbay`. A request says in `do` what it wants:
///
///     {"patchbay":1,"do":"redrive","letters":["812-0"],"to":"billing.retry","by":"ada"}
///     {"patchbay":1,"do":"purge","letters":["812-0","812-1"],"by":"ada"}
///     {"patchbay":1,"do":"edit","letters":["812-0"],"event":"{…}","by":"ada"}
///     {"patchbay":1,"do":"replay","replay":"r1c","frame":12,"event":0,"until":900,"events":512,"by":"ada"}
///
/// `to` may be missing; `event` is the event's JSON as a text. A replay's request is one step of it: from a place in the
/// log on, to a bound of events or of the log's frames, with more members that say which events (`ReplayOrder`). The answer
/// comes once everything is in the log; a request that fails has changed nothing:
///
///     {"patchbay":1,"count":1}
///     {"patchbay":1,"events":512,"deliveries":600,"frame":31,"event":7,"first":12,"until":900,"done":false}
///     {"patchbay":1,"error":"missing","message":"dead letter 812-0 is not kept any more"}
package enum ControlProtocol {
    package static let version: Int64 = 1
    /// The socket's name in the data folder.
    package static let socketName = "control"
    /// Letters of one request.
    package static let lettersMax = 128
    /// Events of one step of a replay.
    package static let replayEventsMax = 512
    /// Bytes of a request, its line end included. An answer is much shorter.
    package static let requestBytesMax = 16 << 20
    package static let answerBytesMax = 64 << 10
    /// Clients at a time.
    package static let clientsMax = 8

    static func path(folder: String) -> String { "\(folder)/\(socketName)" }
}

/// What a client asks a running host for.
package enum ControlRequest: Sendable, Equatable {
    /// Accept the letters' events anew for their handlers, or for `to`.
    case redrive([LetterID], to: String?, by: String)
    case purge([LetterID], by: String)
    /// A redrive of the letter is to deliver this event (structured JSON).
    case edit(LetterID, event: [UInt8], by: String)
    /// Replay a part of what is to be replayed.
    case replay(ReplayRequest, by: String)
    case stream(StreamChange, by: String)
    /// End a handler's subscription to a stream.
    case unsubscribe(String, of: String, by: String)
    /// Let an instance run another version of its module.
    case version(VersionRequest, by: String)
    /// Which versions run.
    case versions(by: String)
    /// Read the configuration file anew and take it over.
    case reload(by: String)

    /// One line with its end.
    package var line: [UInt8] {
        var members: [(String, Value)] = [("patchbay", .int(ControlProtocol.version))]
        func letters(_ ids: [LetterID]) -> Value { .list(ids.map { .string("\($0)") }) }
        switch self {
        case .redrive(let ids, let target, let who):
            members += [("do", .string("redrive")), ("letters", letters(ids))]
            if let target { members.append(("to", .string(target))) }
            members.append(("by", .string(who)))
        case .purge(let ids, let who):
            members += [("do", .string("purge")), ("letters", letters(ids)), ("by", .string(who))]
        case .edit(let id, let event, let who):
            members += [
                ("do", .string("edit")), ("letters", letters([id])),
                ("event", .string(String(decoding: event, as: UTF8.self))), ("by", .string(who)),
            ]
        case .replay(let request, let who):
            members += [("do", .string("replay"))] + request.members + [("by", .string(who))]
        case .unsubscribe(let name, let handler, let who):
            members += [
                ("do", .string("unsubscribe")), ("handler", .string(handler)), ("name", .string(name)),
                ("by", .string(who)),
            ]
        case .stream(let change, let who): members += change.members + [("by", .string(who))]
        case .version(let request, let who): members += request.members + [("by", .string(who))]
        case .versions(let who): members += [("do", .string("versions")), ("by", .string(who))]
        case .reload(let who): members += [("do", .string("reload")), ("by", .string(who))]
        }
        return Value.object(members).json + [0x0A]
    }

    /// Throws `.malformed`, or `.version` when the client speaks another one.
    package init(_ line: ArraySlice<UInt8>) throws(ControlFailure) {
        let fields = try ControlFields(line)
        let who = try fields.text("by")
        switch try fields.text("do") {
        case "redrive":
            let target = try fields.optionalText("to")
            self = .redrive(try fields.letters(mayBeNone: target != nil), to: target, by: who)
        case "purge": self = .purge(try fields.letters(), by: who)
        case "edit":
            let letters = try fields.letters()
            guard letters.count == 1 else { throw ControlFailure(.malformed, "one letter is edited at a time") }
            self = .edit(letters[0], event: Array(try fields.text("event").utf8), by: who)
        case "replay": self = .replay(try ReplayRequest(fields), by: who)
        case let verb where StreamChange.verbs.contains(verb): self = .stream(try StreamChange(verb, fields), by: who)
        case "unsubscribe": self = .unsubscribe(try fields.text("name"), of: try fields.text("handler"), by: who)
        case "versions": self = .versions(by: who)
        case "reload": self = .reload(by: who)
        case let verb where VersionRequest.verbs.contains(verb):
            self = .version(try VersionRequest(verb, fields), by: who)
        case let other: throw ControlFailure(.malformed, "this host cannot '\(other)'")
        }
    }
}

/// What a host answers.
package enum ControlAnswer: Sendable, Equatable {
    /// So many letters were changed.
    case changed(Int)
    /// A step of a replay is done.
    case replayed(ReplayAnswer)
    case streamed(StreamResult)
    /// An instance runs another version.
    case versionChanged(VersionChange)
    case versions([RunningVersion])
    case reloaded(ReloadChange)
    case failed(ControlFailure)

    /// One line with its end.
    package var line: [UInt8] {
        var members: [(String, Value)] = [("patchbay", .int(ControlProtocol.version))]
        switch self {
        case .changed(let count): members.append(("count", .int(Int64(count))))
        case .replayed(let answer): members += answer.members
        case .streamed(let result): members += result.members
        case .versionChanged(let change): members += change.members
        case .reloaded(let change): members += change.members
        case .versions(let all): members.append(("instances", .list(all.map(\.value))))
        case .failed(let failure):
            members += [("error", .string(failure.code.rawValue)), ("message", .string(failure.message))]
        }
        return Value.object(members).json + [0x0A]
    }

    /// Throws `.malformed`, or `.version` when the host speaks another one.
    package init(_ line: ArraySlice<UInt8>) throws(ControlFailure) {
        let fields = try ControlFields(line)
        if let code = try fields.optionalText("error") {
            self = .failed(ControlFailure(ControlFailure.Code(rawValue: code), try fields.text("message")))
        } else if fields.has("events") {
            self = .replayed(try ReplayAnswer(fields))
        } else if fields.has("changed") {
            self = .streamed(try StreamResult(fields))
        } else if fields.has("instances") {
            self = .versions(
                try fields.objects("instances").map { (fields) throws(ControlFailure) in try RunningVersion(fields) })
        } else if fields.has("reconfigured") {
            self = .reloaded(try ReloadChange(fields))
        } else if fields.has("openBefore") {
            self = .versionChanged(try VersionChange(fields))
        } else {
            self = .changed(try fields.count("count"))
        }
    }
}

/// Why a request was not done.
package struct ControlFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Equatable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
        /// Not a line of this protocol.
        package static let malformed = Code(rawValue: "malformed")
        /// Host and client are of different versions.
        package static let version = Code(rawValue: "version")
        /// A letter is not kept any more.
        package static let missing = Code(rawValue: "missing")
        /// No handler of this run is to get it.
        package static let handler = Code(rawValue: "handler")
        /// The host ends, or has ended.
        package static let ending = Code(rawValue: "ending")
        /// Too many clients; try again.
        package static let busy = Code(rawValue: "busy")
        /// A stream is at another revision, or deleted, or not there.
        package static let stream = Code(rawValue: "stream")
        /// A module, or the configuration, stays as it is.
        package static let module = Code(rawValue: "module")
        /// What is to be replayed is not in the log.
        package static let replay = Code(rawValue: "replay")
        /// The log cannot be read.
        package static let unreadable = Code(rawValue: "unreadable")
        /// The user did not wait for the answer.
        package static let interrupted = Code(rawValue: "interrupted")
    }

    package let code: Code
    package let message: String
    package var description: String { message }

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// The members of one line.
struct ControlFields {
    private let members: Value.Map

    init(_ line: ArraySlice<UInt8>) throws(ControlFailure) {
        let value: Value
        do {
            value = try JSONReader(nesting: 8).value(Array(line))
        } catch {
            throw ControlFailure(.malformed, "not a JSON object on one line: \(error.message)")
        }
        guard case .map(let members) = value else { throw ControlFailure(.malformed, "not a JSON object") }
        guard members["patchbay"] == .int(ControlProtocol.version) else {
            throw ControlFailure(
                .version, "the other side does not speak version \(ControlProtocol.version) of the control protocol")
        }
        self.members = members
    }

    func optionalText(_ name: String) throws(ControlFailure) -> String? {
        switch members[name] {
        case nil: nil
        case .string(let text): text
        default: throw ControlFailure(.malformed, "'\(name)' is not a text")
        }
    }

    func text(_ name: String) throws(ControlFailure) -> String {
        guard let text = try optionalText(name) else { throw ControlFailure(.malformed, "'\(name)' is missing") }
        return text
    }

    init(_ value: Value, in name: String) throws(ControlFailure) {
        guard case .map(let members) = value else { throw ControlFailure(.malformed, "'\(name)' is no object") }
        self.members = members
    }

    /// `nil` where it is missing.
    func object(_ name: String) throws(ControlFailure) -> ControlFields? {
        switch members[name] {
        case nil, .null: nil
        case .some(let value): try ControlFields(value, in: name)
        }
    }

    func objects(_ name: String) throws(ControlFailure) -> [ControlFields] {
        guard case .list(let list) = members[name] else { throw ControlFailure(.malformed, "'\(name)' is not a list") }
        var objects: [ControlFields] = []
        for value in list { objects.append(try ControlFields(value, in: name)) }
        return objects
    }

    func texts(_ name: String) throws(ControlFailure) -> [String] {
        guard case .list(let list) = members[name] else { throw ControlFailure(.malformed, "'\(name)' is not a list") }
        var texts: [String] = []
        for value in list {
            guard case .string(let text) = value else {
                throw ControlFailure(.malformed, "'\(name)' are not texts")
            }
            texts.append(text)
        }
        return texts
    }

    func has(_ name: String) -> Bool { members[name] != nil }

    func flag(_ name: String) -> Bool { members[name] == .bool(true) }

    /// A number, not below 0; times may be above `Int64.max`.
    func optionalNumber(_ name: String) throws(ControlFailure) -> UInt64? {
        switch members[name] {
        case nil: return nil
        case .int(let number) where number >= 0: return UInt64(number)
        case .uint(let number): return number
        default: throw ControlFailure(.malformed, "'\(name)' is not a number from 0 on")
        }
    }

    func number(_ name: String) throws(ControlFailure) -> UInt64 {
        guard let number = try optionalNumber(name) else { throw ControlFailure(.malformed, "'\(name)' is missing") }
        return number
    }

    func count(_ name: String) throws(ControlFailure) -> Int { Int(clamping: try number(name)) }

    /// At least one, each once.
    /// - Parameter mayBeNone: a redrive of none to a handler asks whether the host has it.
    func letters(mayBeNone: Bool = false) throws(ControlFailure) -> [LetterID] {
        guard case .list(let list) = members["letters"], mayBeNone || !list.isEmpty,
            list.count <= ControlProtocol.lettersMax
        else {
            throw ControlFailure(.malformed, "'letters' has 1 to \(ControlProtocol.lettersMax) ids")
        }
        var letters: [LetterID] = []
        for value in list {
            guard case .string(let text) = value, let id = LetterID(text), !letters.contains(id) else {
                throw ControlFailure(.malformed, "'letters' are ids such as 812-0, each once")
            }
            letters.append(id)
        }
        return letters
    }
}
