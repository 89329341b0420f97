import PatchbaySDK

/// Answers with what it was sent, and does what the event's type says first.
struct Everything: Handler {
    struct Configuration: Decodable {
        var greeting: String
    }

    struct Refused: Error, CustomStringConvertible {
        var description: String { "no greeting" }
    }

    let greeting: String
    let seen: Instrument

    init(configuration: Configuration, host: Host) throws {
        guard !configuration.greeting.isEmpty else { throw Refused() }
        greeting = configuration.greeting
        seen = try host.counter("seen", unit: "{event}")
    }

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        seen.record(1, ["type": String(event.type)])
        if event.type == "decode" {
            let numbers = try event.decode([Int].self)
            return .done(reply: .array(numbers.map { .integer(Int64($0)) }))
        }
        if event.type == "emit" || event.type == "emit.fail" {
            try call.emit(EventDraft(type: "emitted", subject: "s", json: ["greeting": .string(greeting)]))
            try call.setTimer("later", atNanoseconds: 5, EventDraft(type: "tick"))
            try call.state.put("key", json: ["n": 1], expecting: .absent)
            if event.type == "emit.fail" { return .fail("card_declined: no", code: 7, detail: ["a": 1]) }
            return .done
        }
        if event.type == "state" {
            let entry = try call.state.get("key")
            guard let entry else { return .skip }
            try call.state.put("key", json: ["n": 2], expecting: .revision(entry.revision))
            try call.state.put("key", json: ["n": 3], expecting: .revision(entry.revision))
            return .done
        }
        if event.type == "span" {
            call.span("outer") { span in
                span.set("size", to: 3)
                span.begin("inner").end(ok: false)
            }
            return .done
        }
        if event.type == "throw" { throw Refused() }
        if event.type == "retry" { return .retry("busy elsewhere", after: .milliseconds(1500)) }
        let copy = Event(copying: event)
        return .done(reply: [
            "id": .string(copy.id), "subject": .string("\(event.subject)"),
            "extension": .string(event.attribute("tenant") ?? ""),
            "attempt": .integer(Int64(event.attempt)), "bytes": .integer(Int64(event.data.byteCount)),
        ])
    }
}

/// Sums a batch; rejects negative numbers, skips zeros in a task, and forgets what is 100.
struct Sums: BatchHandler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome { .done }

    func handle(_ batch: borrowing Batch) throws {
        for index in 0..<batch.count {
            let number = try batch.withEvent(at: index) { event, _ in try event.decode(Int.self) }
            if number < 0 { batch.complete(index, with: .reject("negative")) }
            if number == 100 { _ = batch.defer(index) }
            guard number == 0 else { continue }
            let owed = batch.defer(index)
            Task { owed.complete(with: .skip) }
        }
    }
}

/// Reads its event when the test says so, and tells its id.
struct Overdue: AsyncHandler {
    static let gate = AsyncStream<Void>.makeStream()
    static let ids = AsyncStream<String>.makeStream()

    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome {
        for await _ in Self.gate.stream { break }
        call.log(.info, "late")
        Self.ids.continuation.yield(String(event.id))
        return .done
    }
}

/// Waits for its cancellation, or yields and answers.
struct Waits: AsyncHandler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome {
        if event.subject == "forever" {
            while !Task.isCancelled { await Task.yield() }
            return call.cancellation == .drain ? .cancelled : .fail("another reason")
        }
        await Task.yield()
        return .done(reply: .string(String(event.id)))
    }
}
