import PatchbaySDK
import Synchronization

/// The scenarios of sdk/scenarios/README.md in Swift.
struct Run: AsyncHandler, Reconfigurable, Drainable {
    struct Configuration: Decodable {
        var url, denied, greeting, mail: String
    }

    private final class Greeting: Sendable {
        let text: Mutex<String>
        init(_ text: String) { self.text = Mutex(text) }
    }

    private struct WentWrong: Error, CustomStringConvertible {
        let description = "went wrong"
    }

    private let host: Host
    private let configuration: Configuration
    private let greeting: Greeting
    private let events: Instrument

    init(configuration: Configuration, host: Host) throws {
        self.host = host
        self.configuration = configuration
        greeting = Greeting(configuration.greeting)
        events = try host.counter("scenario.events", unit: "{event}", help: "events seen")
        try host.subscribe("own", to: "bookings")
        host.log(.info, "made by the host")
    }

    func reconfigure(_ configuration: Configuration) {
        greeting.text.withLock { $0 = configuration.greeting }
    }

    func drain(deadlineNanoseconds: UInt64?) { host.log(.info, "drained by the host") }

    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome {
        events.record(1, ["type": String(event.type)])
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
        case "scenario.append": return try append(call)
        case "scenario.read": return try read(call)
        case "scenario.booked":
            return try emit(call, "seen.booked", ["revision": .string(event.attribute("streamrevision") ?? "")])
        case "scenario.http": return try await http(call)
        case "scenario.busy":
            let outcome = try await call.send(HTTPRequest("GET", configuration.url + "/busy")).outcome
            if event.attempt > 1 { _ = try emit(call, "seen.busy", ["attempt": .integer(Int64(event.attempt))]) }
            return outcome
        case "scenario.denied": return try await call.send(HTTPRequest("GET", configuration.denied)).outcome
        case "scenario.mail":
            var mail = Mail(
                server: String(configuration.mail.dropFirst("smtp://".count)), from: "shop@example.com",
                recipients: ["ada@example.com", "bob@example.com"],
                content: Array("Subject: paid\r\n\r\nthank you\r\n".utf8))
            mail.encryption = .whereOffered
            try await call.send(mail)
            return try emit(call, "seen.mail", [:])
        case "scenario.life":
            return try emit(call, "seen.life", ["greeting": .string(greeting.text.withLock { $0 })])
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

    /// Two events in a stream that does not exist, a third where it ought not to, and a snapshot.
    private func append(_ call: Call) throws -> Outcome {
        let stream = call.stream("bookings")
        let drafts = [1, 2].map { EventDraft(type: "scenario.booked", json: ["n": .integer($0)]) }
        let first = try stream.append(drafts, expecting: .absent)
        var found: UInt64 = 99
        do {
            try stream.append(drafts, expecting: .absent)
        } catch let conflict as StreamConflict {
            found = conflict.revision ?? 99
        }
        try stream.keepSnapshot(Array("sum 3".utf8), upTo: 1)
        return try emit(call, "seen.append", ["first": .integer(Int64(first)), "found": .integer(Int64(found))])
    }

    private func read(_ call: Call) throws -> Outcome {
        let stream = call.stream("bookings")
        let next = try stream.head()?.next ?? 0
        var (forward, backward, asked) = ("", "", "")
        try stream.read(count: 10) { event in
            forward += "\(event.revision) \(event.text.prefix(1))"
            return true
        }
        try stream.read(from: next - 1, count: 10, direction: .backward) { event in
            backward += "\(event.revision) \(event.text.prefix(1))"
            return true
        }
        try stream.query(StreamFilter(from: 1, type: "scenario.*"), count: 10) { event in
            asked += "\(event.revision) \(event.text.prefix(1))"
            return true
        }
        let snapshot = try stream.snapshot()
        return try emit(
            call, "seen.read",
            [
                "next": .integer(Int64(next)), "forward": .string(forward), "backward": .string(backward),
                "asked": .string(asked), "snapshot": .string(String(decoding: snapshot?.value ?? [], as: UTF8.self)),
                "at": .integer(Int64(snapshot?.revision ?? 99)), "none": .bool(try call.stream("none").head() == nil),
            ])
    }

    private func http(_ call: Call) async throws -> Outcome {
        let request = HTTPRequest(
            "POST", configuration.url + "/echo", headers: [("x-scenario", "yes")], body: Array("ping".utf8))
        let response = try await call.send(request)
        return try emit(
            call, "seen.http",
            [
                "status": .integer(Int64(response.status)),
                "body": .string(String(decoding: response.body, as: UTF8.self)),
                "header": .string(response.header("x-answer") ?? ""),
            ])
    }
}

/// Takes batches alone.
struct Bulk: BatchHandler, Reconfigurable {
    init(configuration: NoConfiguration, host: Host) {}

    /// An instance takes a configuration when all of its handlers do.
    func reconfigure(_ configuration: NoConfiguration) {}

    func handle(_ event: borrowing EventView, _ call: Call) -> Outcome {
        if event.type == "bulk.crash" {
            let parts = [String(event.id)]
            // Beyond the end: the process traps.
            return .done(reply: .string(parts[Int(event.attempt)]))
        }
        return .fail("alone: not in a batch")
    }

    func handle(_ batch: borrowing Batch) throws {
        for index in 0..<batch.count {
            let (id, type) = try batch.withEvent(at: index) { event, call in
                let data: JSON = ["id": .string(String(event.id)), "of": .integer(Int64(batch.count))]
                try call.emit(EventDraft(type: "seen.bulk", json: data))
                return (String(event.id), String(event.type))
            }
            if type == "bulk.later" {
                let owed = batch.defer(index)
                Task {
                    try owed.call.emit(EventDraft(type: "seen.owed", json: ["id": .string(id)]))
                    owed.complete(with: .done)
                }
            }
            if type == "bulk.bad" { batch.complete(index, with: .reject("invalid: bad")) }
        }
    }
}
