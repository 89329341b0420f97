import PatchbaySDK

/// The scenarios of sdk/scenarios/README.md in Swift.
struct Run: AsyncHandler {
    private struct WentWrong: Error, CustomStringConvertible {
        let description = "went wrong"
    }

    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome {
        switch String(event.type) {
        case "scenario.echo": return try echo(event, call)
        case "scenario.retry":
            if event.attempt == 1 { return .retry("later: soon", after: .zero) }
            return try emit(call, "seen.retry", ["attempt": .integer(Int64(event.attempt))])
        case "scenario.fail":
            _ = try emit(call, "seen.never", [:])
            return .fail("declined: no funds", code: 7, detail: ["a": 1])
        case "scenario.reject": return .reject("invalid: no amount")
        case "scenario.skip": return .skip
        case "scenario.throw": throw WentWrong()
        case "scenario.state": return try count(call)
        case "scenario.timer":
            try call.setTimer("soon", atNanoseconds: 1, EventDraft(type: "scenario.fired"))
            return .done
        case "scenario.fired":
            return try emit(call, "seen.fired", ["key": .string(event.attribute("timerkey") ?? "")])
        case "scenario.log":
            call.log(.warning, "noted by the handler", ["detail": "with a detail"])
            call.begin("inner").end()
            return .done
        case "scenario.deferred":
            await Task.yield()
            return try emit(call, "seen.deferred", [:])
        default: return .fail("unknown scenario")
        }
    }

    private func emit(_ call: Call, _ type: String, _ data: JSON) throws -> Outcome {
        try call.emit(EventDraft(type: type, json: data))
        return .done
    }

    private func echo(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        try emit(
            call, "seen.echo",
            [
                "id": .string(String(event.id)), "source": .string(String(event.source)),
                "subject": .string(String(event.subject)), "time": .string(String(event.time)),
                "region": .string(event.attribute("region") ?? ""),
                "bytes": .integer(Int64(event.data.byteCount)), "route": .string(String(event.route)),
                "attempt": .integer(Int64(event.attempt)),
                "most": .integer(Int64(event.attemptsMax ?? 0)), "key": .bool(!event.idempotencyKey.isEmpty),
            ])
    }

    /// A number that is kept under `n`, one more with each event.
    private func count(_ call: Call) throws -> Outcome {
        func status(_ body: () throws -> Bool) throws -> JSON {
            do {
                return try body() ? 0 : -9
            } catch let error as ServiceError {
                return .integer(Int64(error.code.rawValue))
            }
        }
        let entry = try call.state.get("n")
        let n = (entry.flatMap { Int(String(decoding: $0.value, as: UTF8.self)) } ?? 0) + 1
        func put(_ expecting: StateStore.Expectation) throws -> JSON {
            try status {
                try call.state.put("n", Array(String(n).utf8), expecting: expecting)
                return true
            }
        }
        let stored = try put(entry.map { .revision($0.revision) } ?? .absent)
        let again = try put(.absent)
        let gone = try status { try call.state.delete("none") }
        return try emit(
            call, "seen.state", ["n": .integer(Int64(n)), "stored": stored, "again": again, "gone": gone])
    }
}
