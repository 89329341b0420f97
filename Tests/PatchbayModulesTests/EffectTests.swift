import CPatchbay
import PatchbayEvents
import Testing

@testable import PatchbayModules

@Suite(.inlineAndFromWorker) struct `emit service` {
    private func draft(_ type: String = "com.acme.paid", data: String = "") -> patchbay_draft {
        var draft = patchbay_draft()
        draft.size = UInt32(MemoryLayout<patchbay_draft>.size)
        draft.type = lasting(type)
        if !data.isEmpty {
            let text = lasting(data)
            draft.data = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
            draft.data_len = text.len
        }
        return draft
    }

    @Test func `holds copies of events in order until the call is settled`() throws {
        let bench = ModuleBench()
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let call = bench.open()
        var first = draft(data: "{\"a\":1}")
        first.subject = lasting("order/7")
        first.ext = lasting([("partitionkey", "k7")])
        first.ext_count = 1
        first.not_before_ns = 99
        #expect(emit.add(bench.host, call, &first) == .ok)
        var second = draft("com.acme.second", data: "plain")
        second.datacontenttype = lasting("text/plain")
        second.source = lasting("/mine")
        second.id = lasting("own-id")
        #expect(emit.add(bench.host, call, &second) == .ok)
        let emits = try #require(bench.settle(call).effects).emits
        #expect(emits.map(\.event.type) == ["com.acme.paid", "com.acme.second"])
        #expect(emits[0].event.source == "//patchbay/bench/count" && emits[0].event.id.isEmpty)
        #expect(emits[0].event.subject == "order/7" && emits[0].notBefore == 99)
        #expect(emits[0].event["partitionkey"] == "k7")
        #expect(emits[0].event.datacontenttype == "application/json" && emits[0].event.dataIsJSON)
        #expect(emits[1].event.source == "/mine" && emits[1].event.id == "own-id")
        #expect(emits[1].event.data == Array("plain".utf8) && !emits[1].event.dataIsJSON)
        #expect(emit.add(bench.host, call, &first) == .stale)
    }

    @Test func `takes events of one call from several threads, and loses none`() async throws {
        let bench = ModuleBench()
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let call = bench.open()
        // Unchecked because a host pointer is made to be used from any thread.
        nonisolated(unsafe) let host = bench.host
        await withTaskGroup(of: Void.self) { group in
            for thread in 0..<4 {
                group.addTask {
                    for number in 0..<100 {
                        var draft = patchbay_draft()
                        draft.size = UInt32(MemoryLayout<patchbay_draft>.size)
                        draft.type = lasting("t\(thread).\(number)")
                        #expect(emit.add(host, call, &draft) == .ok)
                    }
                }
            }
        }
        let emits = try #require(bench.settle(call).effects).emits
        #expect(Set(emits.map(\.event.type)).count == 400)
        for thread in 0..<4 {
            let own = emits.map(\.event.type).filter { $0.hasPrefix("t\(thread).") }
            #expect(own == (0..<100).map { "t\(thread).\($0)" })
        }
    }

    @Test func `refuses malformed drafts with a status`() throws {
        let bench = ModuleBench()
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let call = bench.open()
        func status(_ change: (inout patchbay_draft) -> Void) -> patchbay_status {
            var draft = draft()
            change(&draft)
            return emit.add(bench.host, call, &draft)
        }
        #expect(emit.add(bench.host, call, nil) == .badArgument)
        #expect(status { $0.size = 8 } == .badArgument)
        #expect(status { $0.type = lasting("") } == .badArgument)
        #expect(status { $0.type = lasting("line\nend") } == .badArgument)
        #expect(status { $0.type = patchbay_str(ptr: nil, len: 5) } == .badArgument)
        #expect(status { ($0.ext, $0.ext_count) = (lasting([("Bad-Name", "1")]), 1) } == .badArgument)
        #expect(status { ($0.ext, $0.ext_count) = (lasting([("type", "1")]), 1) } == .badArgument)
        #expect(status { ($0.ext, $0.ext_count) = (lasting([("a", "1"), ("a", "2")]), 2) } == .badArgument)
        #expect(status { ($0.ext, $0.ext_count) = (nil, 1) } == .badArgument)
        #expect(status { ($0.data, $0.data_len) = (nil, 3) } == .badArgument)
        var notJSON = draft(data: "{\"a\":")
        #expect(emit.add(bench.host, call, &notJSON) == .badArgument)
        // Regression: what intake refuses was taken, committed with the outcome, and then refused.
        #expect(status { $0.source = lasting("my app") } == .badArgument)
        #expect(status { $0.datacontenttype = lasting("json") } == .badArgument)
        var deep = draft(data: String(repeating: "[", count: 65) + String(repeating: "]", count: 65))
        #expect(emit.add(bench.host, call, &deep) == .badArgument)
        #expect(bench.settle(call).effects?.emits.isEmpty ?? true)
    }

    @Test func `keeps to the limits of one event and of one call`() throws {
        var limits = HostEnvironment.Limits()
        limits.eventBytes = 100
        limits.emitsPerCall = 3
        let bench = ModuleBench(limits: limits)
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let call = bench.open()
        var large = draft(data: "\"" + String(repeating: "x", count: 100) + "\"")
        #expect(emit.add(bench.host, call, &large) == .limit)
        var fitting = draft(data: "1")
        for _ in 0..<3 { #expect(emit.add(bench.host, call, &fitting) == .ok) }
        #expect(emit.add(bench.host, call, &fitting) == .limit)
        _ = bench.settle(call)
    }
}

@Suite(.inlineAndFromWorker) struct `state service` {
    /// `patchbay.state/1` as a handler would wrap it.
    struct Store {
        let bench: ModuleBench
        let table: patchbay_state

        init(_ bench: ModuleBench) throws {
            self.bench = bench
            table = try bench.service(HostServiceID.state, patchbay_state.self)
        }

        func get(_ call: patchbay_call, _ key: String, room: Int = 64) -> (patchbay_status, String, UInt64) {
            var buffer = [UInt8](repeating: 0, count: room)
            var length = UInt64(room)
            var revision: UInt64 = 77
            let status = table.get(bench.host, call, lasting(key), &buffer, &length, &revision)
            let text = status == .ok ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "\(length)"
            return (status, text, revision)
        }

        func put(
            _ call: patchbay_call, _ key: String, _ value: String, _ revision: UInt64 = .max, ttl: UInt64 = 0
        ) -> patchbay_status {
            let bytes = Array(value.utf8)
            return table.put(bench.host, call, lasting(key), bytes, UInt64(bytes.count), revision, ttl)
        }

        func delete(_ call: patchbay_call, _ key: String, _ revision: UInt64 = .max) -> patchbay_status {
            table.del(bench.host, call, lasting(key), revision)
        }
    }

    @Test func `reads its own writes, and shows them to others after the commit`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let (a, b) = (bench.open(), bench.open())
        #expect(store.get(a, "k").0 == .notFound)
        #expect(store.put(a, "k", "one", 0) == .ok)
        #expect(store.get(a, "k").1 == "one")
        #expect(store.get(b, "k").0 == .notFound)
        #expect(bench.commit(bench.settle(a)) == .committed)
        let seen = store.get(b, "k")
        #expect(seen.0 == .ok && seen.1 == "one" && seen.2 > 0)
        #expect(store.get(a, "k").0 == .stale)
        _ = bench.settle(b)
    }

    @Test func `drops the writes of a call that is not done`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        for kind in [OutcomeKind.retry, .fail, .skip, .busy, .cancelled] {
            let call = bench.open()
            #expect(store.put(call, "k", "lost") == .ok)
            #expect(bench.commit(bench.settle(call, kind)) == .committed)
        }
        let call = bench.open()
        #expect(store.get(call, "k").0 == .notFound)
        _ = bench.settle(call)
    }

    @Test func `compares revisions when writing and again at the commit`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let first = bench.open()
        #expect(store.put(first, "k", "1", 0) == .ok)
        #expect(bench.commit(bench.settle(first)) == .committed)
        let (a, b) = (bench.open(), bench.open())
        let revision = store.get(a, "k").2
        #expect(store.put(a, "k", "x", 0) == .conflict)
        #expect(store.put(a, "k", "x", revision + 1) == .conflict)
        #expect(store.put(a, "k", "a", revision) == .ok)
        #expect(store.put(b, "k", "b", revision) == .ok)
        #expect(bench.commit(bench.settle(b)) == .committed)
        #expect(bench.commit(bench.settle(a)) == .conflict(key: "k"))
        let after = bench.open()
        #expect(store.get(after, "k").1 == "b")
        _ = bench.settle(after)
    }

    @Test func `commits all writes of a call or none`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let (a, b) = (bench.open(), bench.open())
        #expect(store.put(a, "free", "a") == .ok)
        #expect(store.put(a, "taken", "a", 0) == .ok)
        #expect(store.put(b, "taken", "b", 0) == .ok)
        #expect(bench.commit(bench.settle(b)) == .committed)
        #expect(bench.commit(bench.settle(a)) == .conflict(key: "taken"))
        let after = bench.open()
        #expect(store.get(after, "free").0 == .notFound)
        _ = bench.settle(after)
    }

    @Test func `writes one key many times in a call against one revision`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let call = bench.open()
        #expect(store.put(call, "k", "1", 0) == .ok)
        let own = store.get(call, "k").2
        #expect(store.put(call, "k", "2", own) == .ok)
        #expect(store.put(call, "k", "3", 0) == .conflict)
        #expect(store.delete(call, "k") == .ok)
        #expect(store.delete(call, "k") == .notFound)
        #expect(store.put(call, "k", "4", 0) == .ok)
        let settled = bench.settle(call)
        #expect(settled.effects?.stateWrites.count == 1)
        #expect(bench.commit(settled) == .committed)
        let after = bench.open()
        #expect(store.get(after, "k").1 == "4")
        _ = bench.settle(after)
    }

    @Test func `forgets a key when its time is over, and it can be created again`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let call = bench.open()
        #expect(store.put(call, "k", "brief", 0, ttl: 100) == .ok)
        #expect(bench.commit(bench.settle(call)) == .committed)
        bench.clock.advance(99)
        let before = bench.open()
        #expect(store.get(before, "k").1 == "brief")
        _ = bench.settle(before)
        bench.clock.advance(1)
        let after = bench.open()
        #expect(store.get(after, "k").0 == .notFound)
        #expect(store.put(after, "k", "again", 0) == .ok)
        #expect(bench.commit(bench.settle(after)) == .committed)
        bench.clock.advance(1000)
        bench.state.sweep(now: bench.clock.now)
        #expect(bench.state.bytes == "k".utf8.count + "again".utf8.count)
    }

    @Test func `says how much room a value needs, and copies nothing then`() throws {
        let bench = ModuleBench()
        let store = try Store(bench)
        let call = bench.open()
        #expect(store.put(call, "k", "123456") == .ok)
        let seen = store.get(call, "k", room: 3)
        #expect(seen.0 == .limit && seen.1 == "6")
        _ = bench.settle(call)
    }

    @Test func `keeps handlers apart`() throws {
        let store = StateStore()
        let write = StateWrite(key: "k", value: [1], expectedRevision: 0, timeToLive: 0)
        for scope in [("a", "h"), ("a", "g"), ("b", "h")] {
            let scope = HandlerScope(instance: scope.0, handler: scope.1)
            #expect(store.commit([write], of: scope, now: 0) == .committed)
            #expect(store.commit([write], of: scope, now: 0) == .conflict(key: "k"))
        }
    }

    @Test func `refuses bad keys, and more than it may hold`() throws {
        var limits = HostEnvironment.Limits()
        limits.stateKeyBytes = 4
        limits.stateValueBytes = 60
        limits.stateWritesPerCall = 2
        let bench = ModuleBench(stateBytes: 64, limits: limits)
        let store = try Store(bench)
        let call = bench.open()
        #expect(store.put(call, "", "v") == .badArgument)
        #expect(store.put(call, "12345", "v") == .limit)
        #expect(store.put(call, "k", String(repeating: "v", count: 61)) == .limit)
        #expect(store.put(call, "k", String(repeating: "v", count: 60)) == .ok)
        #expect(store.put(call, "l", "v") == .ok)
        #expect(store.put(call, "m", "v") == .limit)
        #expect(bench.commit(bench.settle(call)) == .committed)
        let next = bench.open()
        #expect(store.put(next, "n", "vv") == .limit)
        _ = bench.settle(next)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `agrees with a plain dictionary over random calls`(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let bench = ModuleBench()
        let store = try Store(bench)
        var model: [String: String] = [:]
        for _ in 0..<60 {
            let call = bench.open()
            var view = model
            for _ in 0..<(random.next() % 6) {
                let key = "k\(random.next() % 4)"
                switch random.next() % 3 {
                case 0:
                    let value = "\(random.next() % 1000)"
                    let exact = random.next() % 2 == 0
                    let revision = exact ? store.get(call, key).2 : .max
                    #expect(store.put(call, key, value, revision) == .ok, "seed \(seed)")
                    view[key] = value
                case 1:
                    #expect(store.delete(call, key) == (view[key] == nil ? .notFound : .ok), "seed \(seed)")
                    view[key] = nil
                default:
                    let seen = store.get(call, key)
                    #expect(view[key] == (seen.0 == .ok ? seen.1 : nil), "seed \(seed)")
                }
            }
            let done = random.next() % 3 != 0
            #expect(bench.commit(bench.settle(call, done ? .done : .retry)) == .committed, "seed \(seed)")
            if done { model = view }
        }
    }
}

@Suite(.inlineAndFromWorker) struct `timer service` {
    private func set(_ bench: ModuleBench, _ call: patchbay_call, _ key: String, at time: UInt64) throws
        -> patchbay_status
    {
        let timer = try bench.service(HostServiceID.timer, patchbay_timer.self)
        var draft = patchbay_draft()
        draft.size = UInt32(MemoryLayout<patchbay_draft>.size)
        draft.type = lasting("com.acme.reminder")
        draft.not_before_ns = time
        return timer.set(bench.host, call, lasting(key), &draft)
    }

    private func cancel(_ bench: ModuleBench, _ call: patchbay_call, _ key: String) throws -> patchbay_status {
        let timer = try bench.service(HostServiceID.timer, patchbay_timer.self)
        return timer.cancel(bench.host, call, lasting(key))
    }

    @Test func `fires for its handler in order of time, with the key on the event`() throws {
        let bench = ModuleBench()
        let call = bench.open()
        #expect(try set(bench, call, "late", at: 30) == .ok)
        #expect(try set(bench, call, "early", at: 10) == .ok)
        #expect(try set(bench, call, "moved", at: 5) == .ok)
        #expect(try set(bench, call, "moved", at: 20) == .ok)
        #expect(bench.timers.next == nil)
        #expect(bench.commit(bench.settle(call)) == .committed)
        #expect(bench.timers.next == 10)
        #expect(bench.timers.takeDue(now: 9).isEmpty)
        let fired = bench.timers.takeDue(now: 20)
        #expect(fired.map(\.key) == ["early", "moved"])
        #expect(fired[0].scope.name == "bench.count")
        #expect(fired[0].event.event[PATCHBAY_TIMER_ATTRIBUTE] == "early")
        #expect(bench.timers.takeAll().map(\.key) == ["late"])
        #expect(bench.timers.next == nil && bench.timers.count == 0)
    }

    @Test func `cancels what is set, in the same call and in a later one`() throws {
        let bench = ModuleBench()
        let call = bench.open()
        #expect(try cancel(bench, call, "a") == .notFound)
        #expect(try set(bench, call, "a", at: 10) == .ok)
        #expect(try cancel(bench, call, "a") == .ok)
        #expect(try cancel(bench, call, "a") == .notFound)
        #expect(try set(bench, call, "b", at: 10) == .ok)
        #expect(bench.commit(bench.settle(call)) == .committed)
        let later = bench.open()
        #expect(try cancel(bench, later, "b") == .ok)
        #expect(bench.timers.count == 1)
        #expect(bench.commit(bench.settle(later)) == .committed)
        #expect(bench.timers.takeDue(now: 100).isEmpty)
        #expect(try cancel(bench, later, "b") == .stale)
    }

    @Test func `refuses timers without key, type or time`() throws {
        let bench = ModuleBench()
        let call = bench.open()
        #expect(try set(bench, call, "", at: 10) == .badArgument)
        #expect(try set(bench, call, "a\nb", at: 10) == .badArgument)
        #expect(try set(bench, call, "a", at: 0) == .badArgument)
        let timer = try bench.service(HostServiceID.timer, patchbay_timer.self)
        #expect(timer.set(bench.host, call, lasting("a"), nil) == .badArgument)
        _ = bench.settle(call)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func `agrees with a sorted list over random changes`(seed: UInt64) {
        var random = SplitMix(state: seed)
        let store = TimerStore()
        let scope = HandlerScope(instance: "a", handler: "h")
        var model: [String: UInt64] = [:]
        var now: UInt64 = 0
        for _ in 0..<400 {
            let key = "k\(random.next() % 40)"
            switch random.next() % 4 {
            case 0, 1:
                let time = now + random.next() % 100
                let event = Event(id: "", source: "/s", type: "t")
                store.commit([.set(id: key, event: EmittedEvent(event: event, notBefore: time))], of: scope)
                model[key] = time
            case 2:
                store.commit([.cancel(id: key)], of: scope)
                model[key] = nil
            default:
                now += random.next() % 30
                let fired = store.takeDue(now: now)
                let due = model.filter { $0.value <= now }
                #expect(Set(fired.map(\.key)) == Set(due.keys), "seed \(seed)")
                let times = fired.map { due[$0.key] ?? 0 }
                #expect(times == times.sorted(), "seed \(seed)")
                for key in due.keys { model[key] = nil }
            }
            #expect(store.count == model.count && store.next == model.values.min(), "seed \(seed)")
        }
    }
}
