package import PatchbayEvents
import PatchbayModules

/// What a rerun says while it goes on, so that as much of it is known as there was when its process ended.
package enum RerunLine: Sendable {
    /// What the module's code is about to do, such as `create`.
    case step(String)
    /// The module that is run: name, version and hash.
    case module(Value)
    /// A request, as the recording has them.
    case entry(Value)
    case outcome(Value)
    /// It was not complete in time.
    case late
    /// Why the call could not be made.
    case refused(String)
    /// All of it is done, the end of the handler's life included.
    case end

    /// As it goes through a pipe.
    package var value: Value {
        switch self {
        case .step(let step): .object([("step", .string(step))])
        case .module(let module): .object([("module", module)])
        case .entry(let entry): .object([("entry", entry)])
        case .outcome(let outcome): .object([("outcome", outcome)])
        case .late: .object([("late", .bool(true))])
        case .refused(let reason): .object([("refused", .string(reason))])
        case .end: .object([("end", .bool(true))])
        }
    }

    /// `nil` for what is none.
    package init?(_ value: Value) {
        if let step = value.text("step") {
            self = .step(step)
        } else if let module = value.member("module") {
            self = .module(module)
        } else if let entry = value.member("entry") {
            self = .entry(entry)
        } else if let outcome = value.member("outcome") {
            self = .outcome(outcome)
        } else if let reason = value.text("refused") {
            self = .refused(reason)
        } else if value.member("late") != nil {
            self = .late
        } else if value.member("end") != nil {
            self = .end
        } else {
            return nil
        }
    }
}

/// What came of a call that was run again.
package struct RerunRecord: Sendable {
    package enum End: Sendable {
        /// With its outcome, as recordings have it.
        case outcome(Value)
        /// Its process ended in the call; how, in words.
        case crashed(String)
        case late
        /// The call was not made; why.
        case refused(String)
    }

    /// Name, version and hash; `null` where it could not be loaded.
    package var module = Value.null
    package var entries: [Value] = []
    /// `nil`: not known yet.
    package var end: End?
    /// What went wrong after the call.
    package var problem: String?
    private var step = "start"
    private var isOver = false

    package init() {}

    package mutating func take(_ line: RerunLine) {
        switch line {
        case .step(let name): step = name
        case .module(let value): module = value
        case .entry(let entry): entries.append(entry)
        case .outcome(let outcome): end = .outcome(outcome)
        case .late: end = .late
        case .refused(let reason): end = .refused(reason)
        case .end: isOver = true
        }
    }

    /// The process has ended, by itself or by a signal, as `how` says.
    package mutating func ended(_ how: String) {
        guard !isOver else { return }
        switch end {
        case nil where step == "handle": end = .crashed("\(how) in handle")
        case nil: end = .refused("its process ended in \(step): \(how)")
        case .outcome: problem = "its process ended in \(step): \(how)"
        case .crashed, .late, .refused: break
        }
    }
}
