import PatchbayEvents

/// What a host says became of the lines that it was sent.
struct SendAnswer {
    struct Refusal {
        /// In the file, counted from 1.
        var line: UInt64
        var message: String
    }

    /// The host ended the exchange before it had read everything.
    struct Cut {
        /// `draining`, `silent` or `busy`.
        var reason: String
        /// What was sent as one line each: `line` or `event`.
        var unit: String
        /// Lines that it had read, all of which are accepted or refused.
        var lines: UInt64
    }

    let accepted: UInt64
    let refused: UInt64
    /// The first ones.
    let errors: [Refusal]
    /// `nil` when everything was read.
    let cut: Cut?

    /// - Parameters:
    ///   - sent: lines that were sent; `nil` when there would have been more.
    ///   - lines: where in the file each line that was sent began; `nil` when they are the file's own.
    init(_ text: [UInt8], sent: UInt64?, lines: [Int]?) throws(SocketClient.Failure) {
        let answer: Value
        do {
            answer = try JSONReader().value(text)
        } catch {
            throw SocketClient.Failure(description: "what answers there is no Patchbay host: \(error.message)")
        }
        accepted = answer["accepted"]?.count ?? 0
        refused = answer["refused"]?.count ?? 0
        let read = answer["lines"]?.count ?? 0
        if case .string(let reason)? = answer["end"], sent.map({ read < $0 }) ?? true {
            cut = Cut(reason: reason, unit: lines == nil ? "line" : "event", lines: read)
        } else {
            cut = nil
        }
        guard case .list(let list)? = answer["errors"] else {
            errors = []
            return
        }
        errors = list.map { error in
            let sent = error["line"]?.count ?? 0
            var line = sent
            if let lines, sent >= 1, sent <= lines.count { line = UInt64(lines[Int(sent) - 1]) }
            if case .string(let message)? = error["message"] { return Refusal(line: line, message: message) }
            return Refusal(line: line, message: "")
        }
    }

    /// For scripts: as the host says it, with the file's lines.
    var value: Value {
        var members: [(String, Value)] = [
            ("accepted", .uint(accepted)), ("refused", .uint(refused)),
            (
                "errors",
                .list(errors.map { .object([("line", .uint($0.line)), ("message", .string($0.message))]) })
            ),
        ]
        if let cut { members += [("lines", .uint(cut.lines)), ("end", .string(cut.reason))] }
        return .object(members)
    }
}

extension SendAnswer.Cut: CustomStringConvertible {
    /// What happened, and what to do.
    var description: String {
        let why =
            switch reason {
            case "draining": "the host shuts down"
            case "silent": "the host gave the place to another client, since no line came for long"
            case "busy": "the host has no place for another client"
            default: "the host ended the exchange (\(reason.printable))"
            }
        return lines == 0
            ? "\(why): nothing was taken in; send it again later"
            : "\(why): it read the first \(String.count(Int(clamping: lines), unit)); send the rest again later"
    }
}

extension Value {
    fileprivate subscript(name: String) -> Value? {
        guard case .map(let map) = self else { return nil }
        return map.entries.first { $0.key == .string(name) }?.value
    }

    fileprivate var count: UInt64 {
        switch self {
        case .int(let number): UInt64(max(0, number))
        case .uint(let number): number
        default: 0
        }
    }
}
