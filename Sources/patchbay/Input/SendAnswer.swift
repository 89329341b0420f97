import PatchbayEvents

/// What a host says became of the lines that it was sent.
struct SendAnswer {
    struct Refusal {
        /// In the file, counted from 1.
        var line: UInt64
        var message: String
    }

    let accepted: UInt64
    let refused: UInt64
    /// The first ones.
    let errors: [Refusal]

    /// - Parameter lines: where in the file each line that was sent began; `nil` when they are the file's own.
    init(_ text: [UInt8], lines: [Int]?) throws(SocketClient.Failure) {
        let answer: Value
        do {
            answer = try JSONReader().value(text)
        } catch {
            throw SocketClient.Failure(description: "what answers there is no Patchbay host: \(error.message)")
        }
        accepted = answer["accepted"]?.count ?? 0
        refused = answer["refused"]?.count ?? 0
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
        .object([
            ("accepted", .uint(accepted)), ("refused", .uint(refused)),
            (
                "errors",
                .list(errors.map { .object([("line", .uint($0.line)), ("message", .string($0.message))]) })
            ),
        ])
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
