import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import Testing

@testable import PatchbayRuntime

/// Dead letters of a log in files: found, corrected, delivered again, thrown away.
@Suite struct `the dead letter workbench` {
    private static func yaml(_ script: String, _ source: String = "events") -> String {
        """
        log: {backend: file, path: FOLDER/data}
        modules: {load: [{name: flaky, builtin: fail, config: {script: [\(script)]}}]}
        sources: [{name: events, type: file, path: FOLDER/\(source).jsonl}]
        routes: [{name: all, type: com.acme.test, to: [{handler: flaky.fail}]}]
        """
    }

    /// Three that a handler refused, and one that no route takes.
    private func bench() throws -> RunBench {
        let bench = try RunBench()
        try bench.write(
            "events.jsonl",
            Events.lines(3, data: #"{"exact":1.10}"#) + Events.line(9, type: "com.acme.nobody") + "\n")
        try bench.write("none.jsonl", "")
        #expect(try bench.run(Self.yaml("permanent, permanent, permanent")).dead == 4)
        return bench
    }

    private func letters(_ bench: RunBench, _ change: (inout LetterSelection) -> Void = { _ in }) throws
        -> [StoredLetter]
    {
        var selection = LetterSelection()
        change(&selection)
        var found: [StoredLetter] = []
        try StoredLetters(folder: bench.path("data")).forEach { letter in
            if selection.takes(letter) { found.append(letter) }
            return true
        }
        return found
    }

    private func operations(_ bench: RunBench, _ handlers: [String] = ["flaky.fail"]) throws -> LetterOperations {
        try LetterOperations(folder: bench.path("data"), routes: ["all", ""], handlers: handlers, who: "ada")
    }

    @Test func `finds letters by handler, class, type, group and id`() throws {
        let bench = try bench()
        let all = try letters(bench)
        #expect(all.count == 4 && all.map(\.id) == all.map(\.id).sorted())
        let died = try letters(bench) { $0.handler = "flaky.fail" }
        #expect(Set(died.map(\.event.id)).count == 3 && Set(died.map(\.group)).count == 1)
        #expect(try letters(bench) { $0.failureClass = "unmatched" }.map(\.event.type) == ["com.acme.nobody"])
        #expect(try letters(bench) { $0.type = try? TypePattern("com.acme.other") }.isEmpty)
        #expect(try letters(bench) { $0.type = try? TypePattern("*.acme.test") }.count == 3)
        #expect(try letters(bench) { $0.group = String(died[0].group.prefix(5)) }.count == 3)
        #expect(try letters(bench) { $0.ids = [died[1].id] }.map(\.event.id) == [died[1].event.id])
        #expect(String(decoding: died[0].line, as: UTF8.self).contains(#""data":{"exact":1.10}"#))
    }

    @Test func `what is redriven is delivered by the next run, and counts how often`() throws {
        let bench = try bench()
        let died = try letters(bench) { $0.handler = "flaky.fail" }
        do {
            var operations = try operations(bench)
            try operations.redrive(Array(died[..<2]))
        }
        #expect(try letters(bench).count == 2)
        // One is done now; the other dies again and knows it.
        let second = try bench.run(Self.yaml("ok, permanent", "none"))
        #expect(second.log?.resumed == 2 && second.status.counts.done == 1 && second.dead == 1 && second.problems == [])
        let again = try letters(bench) { $0.handler = "flaky.fail" }
        #expect(again.map(\.event.redrives).sorted() == [0, 1])
        let histories = try StoredEvents(folder: bench.path("data"))
        #expect(try histories.find(id: died[0].event.id, source: died[0].event.source).position >= 4)
    }

    @Test func `an edit is what a redrive delivers, and leaves the letter as it is`() throws {
        let bench = try bench()
        let letter = try letters(bench)[1]
        var event = letter.event.redriven
        event.data = Array(#"{"exact":2.20}"#.utf8)
        do {
            var operations = try operations(bench)
            try operations.edit(letter, to: event)
        }
        let edited = try #require(try letters(bench) { $0.ids = [letter.id] }.first)
        #expect(edited.line == letter.line && edited.edit != nil)
        let delivered = try edited.redriven()
        #expect(delivered.data == event.data && delivered.redrives == 1)
        do {
            var operations = try operations(bench)
            try operations.redrive([edited])
        }
        let stored = try StoredEvents(folder: bench.path("data"))
        let line = try stored.find(id: letter.event.id, source: letter.event.source).line
        #expect(String(decoding: line, as: UTF8.self).contains(#"{"exact":2.20}"#))
    }

    /// Regression: redriven deliveries had no key, so those of one key ran side by side.
    @Test func `what is redriven keeps the order of its key and its priority`() throws {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(2, extra: #","partitionkey":"k""#))
        try bench.write("none.jsonl", "")
        let keyed = Self.yaml("permanent, permanent").replacing("{name: all,", with: "{name: all, priority: 7,")
        #expect(try bench.run(keyed).dead == 2)
        let died = try letters(bench)
        do {
            var operations = try operations(bench)
            try operations.redrive(died)
        }
        var deliveries: [EventsSection.Delivery] = []
        var cursor = try LogReader.open(FileStorage(bench.path("data/log"))).frames(fromSequence: 1)
        while let frame = try cursor.next() {
            _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
                if kind == .events { try EventsSection(bytes).forEachDelivery { deliveries.append($0) } }
            }
        }
        #expect(deliveries.count == 4 && Set(deliveries.map(\.keyHash)).count == 1 && deliveries[0].keyHash != 0)
        #expect(deliveries.allSatisfy { $0.priority == 7 })
    }

    @Test func `another handler gets what no route took`() throws {
        let bench = try bench()
        let unmatched = try letters(bench) { $0.failureClass = "unmatched" }
        do {
            var operations = try operations(bench)
            try operations.redrive(unmatched, to: "flaky.fail")
        }
        let second = try bench.run(Self.yaml("ok", "none"))
        #expect(second.status.counts.done == 1 && second.log?.pending == 0 && second.problems == [], "\(second)")
    }

    @Test func `what is purged is gone, and a letter is taken once`() throws {
        let bench = try bench()
        let all = try letters(bench)
        do {
            var operations = try operations(bench)
            try operations.purge(all)
        }
        #expect(try letters(bench).isEmpty)
        do {
            var operations = try operations(bench)
            let error = #expect(throws: LogError.self) { try operations.purge([all[0]]) }
            #expect(error?.code == .missing)
        }
        // What was refused is not in the log, either.
        #expect(try bench.run(Self.yaml("ok", "none")).problems == [])
    }

    @Test func `a folder that a host has is not changed`() throws {
        let bench = try bench()
        let host = try bench.host(Self.yaml("ok", "none"), once: false)
        try host.start()
        #expect(throws: LogError.self) { _ = try operations(bench) }
        // Looking is possible.
        #expect(try letters(bench).count == 4)
        host.stop()
        _ = host.wait()
    }
}
