import CPatchbayJSON
import Foundation
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry
import Testing

@testable import PatchbayDispatch
@testable import PatchbayRuntime

/// What handlers get of the streams that they have subscribed to, on every log.
@Suite(.inlineAndIsolated) struct `subscriptions of handlers` {
    private static func yaml(_ config: String = "", _ source: String = "events") -> String {
        """
        modules: {directory: FOLDER/plugins, load: [{name: follower, config: {path: FOLDER/seen\(config)}}]}
        policies:
          bulkheads: {default: {maxInFlight: 8}}
          retries: {default: {policy: constant, duration: 1ms, maxRetries: 2, jitter: none}}
        sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
        routes:
          - {name: append, type: com.acme.**, to: [{handler: follower.append}], ordering: {key: event.source}}
          - {name: choose, type: net.acme.**, to: [{handler: follower.choose}], ordering: {key: event.source}}
          - {name: nothing, type: org.acme.never, to: [{handler: follower.follow}]}
        """
    }

    private func bench(_ backend: LogBackend, _ events: String = "") throws -> RunBench {
        let bench = try RunBench(backend)
        try bench.install("follower")
        try bench.write("events.jsonl", events)
        return bench
    }

    private static func appended(_ count: Int, type: String = "com.acme.test") -> String {
        Events.lines(count, type: type, extra: #","subject":"account""#)
    }

    /// The revisions of what was noted behind a word, in order; attempts but the first are left out.
    private func revisions(_ bench: RunBench, _ word: String = "got") throws -> [Int] {
        try bench.lines("seen").filter { $0.hasPrefix("\(word) ") && $0.contains(" attempt=1 ") }.map { line in
            let at = try #require(line.split(separator: " ").first { $0.hasPrefix("at=") })
            return try #require(Int(at.dropFirst(3)))
        }
    }

    private func append(_ types: [String], _ ids: String, to bench: RunBench) throws {
        var operations = try StreamOperations(folder: bench.path("data"))
        for (number, type) in types.enumerated() {
            let line = StreamLine(Event(id: "\(ids)\(number)", source: "/operator", type: type))
            _ = try operations.apply(.append(stream: "account", events: [line], expected: .any))
        }
    }

    @Test(arguments: LogBackend.allCases)
    func `bring every event of a stream that did not exist at first, once and in its order`(
        _ backend: LogBackend
    ) throws {
        // More than may be unsettled.
        let bench = try bench(backend, Self.appended(700))
        let report = try bench.run(Self.yaml())
        #expect(report.status.counts.done == 1400 && report.problems == [] && report.drift == nil)
        #expect(try revisions(bench) == Array(0..<700))
        let line = try #require(try bench.lines("seen").first)
        #expect(line.contains(" of=account at=0 by=all attempt=1 route=(subscription)"), "\(line)")
    }

    @Test func `have no part in an event that is redriven without a host`() throws {
        let bench = try bench(.file)
        try append(["com.acme.poison"], "own", to: bench)
        #expect(try bench.run(Self.yaml()).dead == 1)
        var letters: [StoredLetter] = []
        try StoredLetters(folder: bench.path("data")).forEach { letter in
            letters.append(letter)
            return true
        }
        #expect(letters.map(\.route) == ["(subscription)"])
        do {
            var operations = try LetterOperations(
                folder: bench.path("data"), routes: letters.map(\.redriveRoute), handlers: ["follower.follow"],
                who: "ada")
            try operations.redrive(letters)
        }
        #expect(try bench.run(Self.yaml()).dead == 1)
        #expect(try bench.deadLetters().last?["dlqroute"] == "(timer)")
    }

    @Test func `go on in a later run where they were, and first with what came meanwhile`() throws {
        let bench = try bench(.file, Self.appended(10))
        #expect(try bench.run(Self.yaml()).status.counts.done == 20)
        try append(Array(repeating: "note", count: 300), "own", to: bench)
        try bench.write("more.jsonl", Self.appended(12).split(separator: "\n").suffix(2).joined(separator: "\n") + "\n")
        for (done, count) in [(304, 312), (0, 312)] {
            let report = try bench.run(Self.yaml("", done == 0 ? "none" : "more"))
            #expect(report.status.counts.done == done && report.problems == [] && report.drift == nil)
            #expect(try revisions(bench) == Array(0..<count))
            try bench.write("none.jsonl", "")
        }
    }

    @Test func `lose nothing with a host that is stopped at once, and repeat no more than what was open`() throws {
        let bench = try bench(.file)
        try append(Array(repeating: "note", count: 60), "own", to: bench)
        for count in [5, 20] {
            let host = try bench.host(Self.yaml(", sleep: 2"), once: false)
            try host.start()
            let isThere = try bench.eventually { try revisions(bench).count >= count }
            #expect(isThere)
            host.stop()
            _ = host.wait()
        }
        let report = try bench.run(Self.yaml())
        #expect(report.problems == [] && report.drift == nil && report.dead == 0)
        let found = try revisions(bench)
        #expect(Set(found) == Set(0..<60) && found.count <= 62, "\(found)")
        // Without what was begun twice they are in order.
        var once: [Int] = []
        for revision in found where !once.contains(revision) { once.append(revision) }
        #expect(once == Array(0..<60))
    }

    @Test(arguments: LogBackend.allCases)
    func `hold back what is behind an event that fails, until that is done or a dead letter`(
        _ backend: LogBackend
    ) throws {
        let types = ["com.acme.a", "com.acme.shaky", "com.acme.poison", "com.acme.b"]
        let events = types.enumerated().map { number, type in
            Events.line(number + 1, type: type, extra: #","subject":"account""#) + "\n"
        }
        let bench = try bench(backend, events.joined())
        let report = try bench.run(Self.yaml())
        #expect(report.dead == 1 && report.status.counts.done == 7 && report.problems == [])
        let seen = try bench.lines("seen").map { $0.split(separator: " ").filter { $0.contains("t=") } }
        #expect(
            seen.map { $0.map(String.init).joined(separator: " ") } == [
                "at=0 attempt=1", "at=1 attempt=1", "at=1 attempt=2", "at=2 attempt=1", "at=3 attempt=1",
            ])
        let letter = try #require(try bench.deadLetters().first)
        #expect(letter["dlqroute"] == "(subscription)" && letter["dlqhandler"] == "follower.follow")
        #expect(letter["dlqdetail"] == #"{"seen":"a skull"}"#)
        #expect(letter["streamname"] == "account" && letter["streamrevision"] == "2")
    }

    @Test(arguments: LogBackend.allCases)
    func `are made and ended by calls that are done, and by no others`(_ backend: LogBackend) throws {
        func choice(_ id: Int, _ what: String, _ name: String, from: Int = 0) -> String {
            Events.line(
                id, type: "net.acme.choose", data: #"{"do":"\#(what)","name":"\#(name)","from":\#(from)}"#,
                extra: #","subject":"account""#) + "\n"
        }
        let bench = try bench(backend)
        let host = try bench.host(
            Self.yaml().replacing("type: file, path: FOLDER/events.jsonl", with: "type: directory, path: FOLDER/in"),
            once: false)
        try FileManager.default.createDirectory(atPath: bench.path("in"), withIntermediateDirectories: true)
        try host.start()
        var files = 0
        func send(_ text: String, until lines: Int, _ word: String) throws {
            files += 1
            try bench.write("next", text)
            try FileManager.default.moveItem(atPath: bench.path("next"), toPath: bench.path("in/\(files).jsonl"))
            let isThere = try bench.eventually {
                try bench.lines("seen").count { $0.hasPrefix("\(word) ") } >= lines
            }
            #expect(isThere, "\(word)")
        }
        try send(Self.appended(3), until: 3, "got")
        try send(choice(10, "fail", "failed"), until: 1, "fail")
        try send(choice(11, "join", "two", from: 2), until: 1, "chosen")
        try send(choice(12, "join", "end", from: -1), until: 2, "join")
        // It has its place already.
        try send(choice(13, "join", "two"), until: 3, "join")
        try send(Self.appended(1).replacing(#""id":"1""#, with: #""id":"20""#), until: 3, "chosen")
        try send(choice(14, "leave", "two"), until: 1, "leave")
        try send(choice(15, "leave", "two"), until: 2, "leave")
        try send(Self.appended(1).replacing(#""id":"1""#, with: #""id":"21""#), until: 4, "chosen")
        host.drain()
        let report = host.wait()
        #expect(report.dead == 1 && report.problems == [] && report.drift == nil)
        let seen = try bench.lines("seen")
        #expect(seen.contains("fail failed 0 -9") && seen.contains("leave two 0 -9"), "\(seen)")
        #expect(seen.contains("leave two -9 -9"))
        let chosen = seen.filter { $0.hasPrefix("chosen") }.map { line in
            line.split(separator: " ").filter { $0.hasPrefix("at=") || $0.hasPrefix("by=") }.joined(separator: " ")
        }
        #expect(chosen.first == "at=2 by=two" && chosen.last == "at=4 by=end")
        #expect(chosen.sorted() == ["at=2 by=two", "at=3 by=end", "at=3 by=two", "at=4 by=end"])
    }

    private func all(_ bench: RunBench) throws -> [String] {
        try StoredSubscription.all(in: bench.path("data")).map {
            "\($0.handler) \($0.name) of \($0.wish.stream) next \($0.wish.from) lag \($0.lag) unsettled \($0.unsettled)"
        }
    }

    private func unsubscribe(_ name: String, _ handler: String, _ bench: RunBench) throws {
        var desk = try StreamDesk(folder: bench.path("data"), who: "ada")
        try desk.unsubscribe(name, of: handler)
    }

    @Test func `are listed with how far they are, and ended by an operator beside a host and without one`() throws {
        let bench = try bench(.file)
        try append(Array(repeating: "note", count: 40), "own", to: bench)
        // Nothing is done yet of what is delivered.
        let host = try bench.host(Self.yaml(", sleep: 20000"), once: false)
        try host.start()
        let isTaken = try bench.eventually { try revisions(bench).count >= 1 }
        #expect(isTaken)
        #expect(try all(bench) == ["follower.follow all of account next 40 lag 0 unsettled 40"])
        #expect(throws: ControlFailure.self) { try unsubscribe("other", "follower.follow", bench) }
        try unsubscribe("all", "follower.follow", bench)
        #expect(try all(bench) == [])
        #expect(bench.log.all.contains { $0.text.contains("subscription 'all' of follower.follow ended by ada") })
        host.stop()
        _ = host.wait()
        // The next start subscribes again, from the beginning that it asks for, and ends without having done it all.
        let again = try bench.host(Self.yaml(", sleep: 20000"), once: false)
        try again.start()
        let isBack = try bench.eventually { try all(bench).count == 1 }
        #expect(isBack)
        again.stop()
        _ = again.wait()
        #expect(try all(bench).first?.hasPrefix("follower.follow all of account next") == true)
        try unsubscribe("all", "follower.follow", bench)
        #expect(try all(bench) == [])
        #expect(throws: StreamRefusal.self) { try unsubscribe("all", "follower.follow", bench) }
    }

    @Test func `pass over what is truncated and what they do not ask for`() throws {
        let bench = try bench(.file)
        try append(["a.b", "a.c", "x.b", "a.b", "a.b.c"], "one", to: bench)
        do {
            var operations = try StreamOperations(folder: bench.path("data"))
            _ = try operations.apply(.truncate(stream: "account", before: 1))
        }
        #expect(try bench.run(Self.yaml(", text: a.*")).problems == [])
        #expect(try revisions(bench) == [1, 3])
        try append(["x.y", "a.d"], "two", to: bench)
        do {
            var operations = try StreamOperations(folder: bench.path("data"))
            _ = try operations.apply(.truncate(stream: "account", before: 7))
            _ = try operations.apply(
                .append(
                    stream: "account", events: [StreamLine(Event(id: "l", source: "/o", type: "a.e"))], expected: .any))
        }
        #expect(try bench.run(Self.yaml(", text: a.*")).problems == [])
        #expect(try revisions(bench) == [1, 3, 7])
        do {
            var operations = try StreamOperations(folder: bench.path("data"))
            _ = try operations.apply(.delete(stream: "account", expected: .any))
        }
        let report = try bench.run(Self.yaml(", text: a.*"))
        #expect(report.problems == [] && report.status.counts.created == 0)
    }

    @Test(arguments: LogBackend.allCases)
    func `do not go round for ever when a handler appends to the stream that it follows`(_ backend: LogBackend) throws {
        let bench = try bench(backend, Events.line(1, type: "com.acme.loop", extra: #","subject":"loop""#) + "\n")
        let report = try bench.run(Self.yaml() + "\nlimits: {emitDepth: 5}")
        #expect(try revisions(bench, "again") == [0, 1, 2, 3, 4])
        #expect(report.problems == [] && report.drift == nil)
        let letter = try #require(try bench.deadLetters().first)
        #expect(letter["dlqreason"]?.contains("limits.emitDepth is 5") == true, "\(letter)")
        guard backend == .file else { return }
        // Until it is a dead letter it is its subscription's, so it counts among what may be unsettled.
        var keys: [UInt64] = []
        var cursor = try LogReader.open(FileStorage(bench.path("data/log"), create: false)).frames(fromSequence: 1)
        while let frame = try cursor.next() {
            try frame.view.forEachRecord { record throws(LogFormatError) in
                guard case .event(let section, 0, _) = record else { return }
                try section.forEachDelivery { if $0.keyHash != 0 { keys.append($0.keyHash) } }
            }
        }
        // One is of the event that came in at the source, in the order of its source.
        let counts = Dictionary(keys.map { ($0, 1) }, uniquingKeysWith: +).values.sorted()
        #expect(counts == [1, 6])
    }
}

/// What stands for an event of a stream that cannot be taken in.
@Suite struct `intake of subscriptions` {
    private static let handler = "lab.view"

    @Test(arguments: [("", "/s", "t"), ("id", "", "t")])
    func `makes a dead letter of the handler of an event that is refused, and leaves out no other`(
        id: String, source: String, type: String
    ) throws {
        var configuration = Configuration()
        var route = Configuration.Route()
        route.name = "all"
        route.to = [.handler(Configuration.HandlerReference(name: Self.handler, location: .none))]
        configuration.routes = [route]
        let blueprint = try Blueprint(configuration, seed: 1)
        var plan = try blueprint.dispatchPlan(
            handlers: [Self.handler: Handler(name: Self.handler) { _, _ in .ok }])
        plan.addBurialLane()
        let setup = Intake.Setup(
            table: blueprint.table, plan: blueprint.plan, limits: pbj_limits(event_bytes: 1 << 20, nesting: 64),
            unmatched: .deadLetter, laneHandlers: blueprint.lanes.map(\.handler),
            tracer: .off(ids: IDGenerator(seed: 1)), continuesTrace: false)
        let intake = ReentryIntake(
            setup, number: 1, counters: IntakeCounters(name: "handlers"),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        func event(_ id: String, _ source: String, _ type: String, at revision: Int) -> Reentry {
            var event = Event(id: id, source: source, type: type, data: Array("1".utf8))
            event.extensions = [
                Event.Extension("streamname", "orders"), Event.Extension("streamrevision", "\(revision)"),
                Event.Extension("subscription", "all"),
            ]
            return Reentry(event: event, lane: 0, keyHash: 77)
        }
        let batches = intake.batches(of: [
            event("a", "/s", "t", at: 0), event(id, source, type, at: 1), event("b", "/s", "t", at: 2),
        ])
        var delivered: [String] = []
        for batch in batches {
            for index in 0..<batch.deliveryCount {
                let delivery = batch.deliveries[index]
                #expect(Int(delivery.route) == plan.subscriptionRoute && delivery.keyHash == 77)
                let view = BatchView(batch)
                guard Int(delivery.lane) == plan.burialLane else {
                    delivered.append(view.event(Int(delivery.event)).id)
                    continue
                }
                let reference = DeliveryReference(
                    delivery: 1, batch: batch, event: Int(delivery.event), route: Int(delivery.route),
                    lane: Int(delivery.lane), attempts: 0)
                let death = DispatchEffects.Death(
                    delivery: 1, failureClass: "none", reason: "none", code: 0, detail: [], history: nil,
                    handlerVersion: nil)
                let letter = plan.letter(death, of: reference, emitDepthMax: 5, unixNow: 1)
                let told = try CloudEventsCodec.ofStored().event(letter.line)
                #expect(told["dlqhandler"] == Self.handler && told["dlqroute"] == "(subscription)")
                #expect(told["dlqclass"] == "refused" && told["streamname"] == "orders")
                #expect(told["dlqreason"]?.hasPrefix("it cannot be taken in: ") == true, "\(told)")
                var stored = StoredLetter(
                    id: LetterID(sequence: 1, index: 0), delivery: DeliveryID(position: 1, handler: 0), diedAt: 1,
                    event: told, line: letter.line, history: [])
                #expect(stored.redriveHindrance?.contains("it is in stream orders at revision 1") == true)
                stored.edit = event("c", "/s", "t", at: 1).event.json
                #expect(stored.redriveHindrance == nil)
                delivered.append("dead at \(told["streamrevision"] ?? "")")
            }
        }
        #expect(delivered == ["a", "b", "dead at 1"])
    }
}
