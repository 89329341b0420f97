import CPatchbay
import Glibc
import Logging
import PatchbayEvents
import PatchbayTelemetry
import Testing

@testable import PatchbayModules

@Suite(.inlineAndFromWorker) struct `host services` {
    @Test func `all that a later host's table says it has is memory`() throws {
        var environment = ModuleBench(traced: false).environment
        environment.extraTableBytes = 64
        let host = HostBlock.make(for: HostContext(environment: environment, module: "m", version: "1", scope: nil))
        let size = Int(host.pointee.size)
        #expect(size == MemoryLayout<patchbay_host>.size + 64)
        // What malloc has given, which no header that Swift imports declares.
        typealias Usable = @convention(c) (UnsafeRawPointer) -> Int
        let usable = unsafeBitCast(try #require(dlsym(nil, "malloc_usable_size")), to: Usable.self)
        #expect(usable(host) >= size)
    }

    @Test func `are found by id, and NULL when the host lacks them`() {
        let bench = ModuleBench()
        for id in HostServiceID.all { #expect(bench.host.pointee.service(bench.host, lasting(id)) != nil, "\(id)") }
        for id in ["patchbay.http/2", "patchbay.logger/0", "patchbay.stream/1", "", "patchbay.logger/1 ", "/0", "0"] {
            #expect(bench.host.pointee.service(bench.host, lasting(id)) == nil, "\(id)")
        }
    }

    @Test(arguments: ["emit", "http", "mail", "state", "timer"])
    func `that were frozen as their drafts were are found under both ids`(name: String) throws {
        let bench = ModuleBench()
        let table = try #require(bench.host.pointee.service(bench.host, lasting("patchbay.\(name)/1")))
        #expect(bench.host.pointee.service(bench.host, lasting("patchbay.\(name)/0")) == table)
    }

    @Test func `refuse a NULL host instead of crashing`() throws {
        let bench = ModuleBench()
        let state = try bench.service(HostServiceID.state, patchbay_state.self)
        let emit = try bench.service(HostServiceID.emit, patchbay_emit.self)
        let trace = try bench.service(HostServiceID.trace, patchbay_trace.self)
        #expect(bench.host.pointee.complete(nil, 1, nil) == .badArgument)
        #expect(bench.host.pointee.cancelled(nil, 1) != 0)
        #expect(state.get(nil, 1, lasting("k"), nil, nil, nil) == .badArgument)
        #expect(emit.add(nil, 1, nil) == .badArgument)
        #expect(trace.begin(nil, 1, 0, lasting("s")) == 0)
    }

    @Test func `name the host to the module`() {
        let bench = ModuleBench()
        #expect(String(bench.host.pointee.name) == "patchbay")
        #expect(String(bench.host.pointee.version) == "0.1.0")
        #expect(Int(bench.host.pointee.size) == MemoryLayout<patchbay_host>.size)
    }
}

@Suite(.inlineAndFromWorker) struct `logger service` {
    @Test func `writes message, fields, handler and the call's ids`() throws {
        let bench = ModuleBench()
        let logger = try bench.service(HostServiceID.logger, patchbay_logger.self)
        let call = bench.open(
            event: "e-77", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        logger.write(
            bench.host, call, 13, lasting("card declined"), lasting([("code", "51"), ("event_id", "fake")]), 2)
        let line = try #require(bench.log.all.first)
        #expect(line.message == "card declined" && line.level == .warning)
        #expect(line.metadata["handler"] == "bench.count")
        #expect(line.metadata["module"] == "bench 1.0.0")
        #expect(line.metadata["code"] == "51")
        #expect(line.metadata["event_id"] == "e-77")
        #expect(line.metadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
    }

    @Test func `says which levels are kept, and drops the others`() throws {
        let bench = ModuleBench()
        let logger = try bench.service(HostServiceID.logger, patchbay_logger.self)
        #expect(logger.enabled(bench.host, 1) == 0)
        #expect(logger.enabled(bench.host, 5) != 0)
        #expect(logger.enabled(bench.host, 10) != 0)
        logger.write(bench.host, 0, 1, lasting("too fine"), nil, 0)
        logger.write(bench.host, 0, 9, lasting("kept"), nil, 5)
        #expect(bench.log.all.map(\.message) == ["kept"])
    }

    @Test func `repairs what is not UTF-8 and cuts what is too long`() throws {
        let bench = ModuleBench()
        let logger = try bench.service(HostServiceID.logger, patchbay_logger.self)
        let bytes: [CChar] = [0x61, -1, 0x62]
        bytes.withUnsafeBufferPointer {
            logger.write(bench.host, 0, 9, patchbay_str(ptr: $0.baseAddress, len: 3), nil, 0)
        }
        logger.write(bench.host, 0, 9, lasting(String(repeating: "x", count: 100_000)), nil, 0)
        #expect(bench.log.all[0].message == "a\u{FFFD}b")
        #expect(bench.log.all[1].message.utf8.count == bench.environment.limits.textBytes)
    }
}

@Suite(.inlineAndFromWorker) struct `trace service` {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `opens spans below the call's own and below each other`() throws {
        let bench = ModuleBench()
        let trace = try bench.service(HostServiceID.trace, patchbay_trace.self)
        let call = bench.open(traceparent: parent)
        let outer = trace.begin(bench.host, call, 0, lasting("charge"))
        let inner = trace.begin(bench.host, call, outer, lasting("POST"))
        trace.attr(bench.host, inner, lasting("http.status"), lasting("503"))
        trace.attr(bench.host, inner, lasting("bad"), lasting("{"))
        trace.event(bench.host, inner, lasting("refused"), lasting([("why", "busy")]), 1)
        bench.clock.advance(5)
        trace.end(bench.host, inner, 0)
        trace.end(bench.host, outer, 1)
        _ = bench.settle(call)
        let spans = bench.spans
        #expect(spans.map(\.name) == ["POST", "charge"])
        #expect(spans[1].parentSpanID == 0x00f0_67aa_0ba9_02b7)
        #expect(spans[0].parentSpanID == spans[1].context.spanID)
        #expect(spans.allSatisfy { $0.context.traceID.hexadecimal == "4bf92f3577b34da6a3ce929d0e0e4736" })
        #expect(spans[0]["http.status"] == .int(503) && spans[0]["bad"] == nil)
        #expect(spans[0].status == .error("") && spans[0].end - spans[0].start == 5)
        #expect(spans[0].events.map(\.name) == ["refused"])
    }

    @Test func `gives 0 for events that are not sampled, and takes it everywhere`() throws {
        let bench = ModuleBench()
        let trace = try bench.service(HostServiceID.trace, patchbay_trace.self)
        for traceparent in ["", parent.dropLast(1) + "0", "garbage"] {
            let call = bench.open(traceparent: String(traceparent))
            #expect(trace.begin(bench.host, call, 0, lasting("span")) == 0)
            _ = bench.settle(call)
        }
        trace.attr(bench.host, 0, lasting("a"), lasting("1"))
        trace.event(bench.host, 0, lasting("e"), nil, 0)
        trace.end(bench.host, 0, 1)
        #expect(trace.inject(bench.host, 0, nil, 0) == 0)
        #expect(bench.spans.isEmpty)
    }

    @Test func `ends with the call what a handler forgot, and nothing begins after it`() throws {
        let bench = ModuleBench()
        let trace = try bench.service(HostServiceID.trace, patchbay_trace.self)
        let call = bench.open(traceparent: parent)
        let span = trace.begin(bench.host, call, 0, lasting("forgotten"))
        #expect(span != 0)
        _ = bench.settle(call)
        trace.end(bench.host, span, 1)
        #expect(trace.begin(bench.host, call, 0, lasting("late")) == 0)
        #expect(bench.spans.map(\.name) == ["forgotten"])
    }

    @Test func `writes the span's traceparent when there is room, and says how much it needs`() throws {
        let bench = ModuleBench()
        let trace = try bench.service(HostServiceID.trace, patchbay_trace.self)
        let call = bench.open(traceparent: parent)
        let span = trace.begin(bench.host, call, 0, lasting("out"))
        var buffer = [CChar](repeating: 0, count: 64)
        #expect(trace.inject(bench.host, span, &buffer, 54) == 55)
        #expect(buffer[0] == 0)
        #expect(trace.inject(bench.host, span, &buffer, 64) == 55)
        let text = String(decoding: buffer.prefix(55).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #expect(text.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-") && text.hasSuffix("-01"))
        #expect(!text.contains("00f067aa0ba902b7"))
        _ = bench.settle(call)
    }
}

@Suite(.inlineAndFromWorker) struct `meter service` {
    @Test func `declares instruments while a handler is created, and records on them`() throws {
        let bench = ModuleBench()
        let meter = try bench.service(HostServiceID.meter, patchbay_meter.self)
        var id: UInt32 = 0
        func declare(_ kind: Int32, _ name: String, _ unit: String) -> patchbay_status {
            meter.declare(bench.host, kind, lasting(name), lasting(unit), lasting("help"), &id)
        }
        #expect(declare(1, "orders", "{order}") == .badState)
        bench.context.isCreating = true
        #expect(declare(1, "orders", "{order}") == .ok)
        let orders = id
        #expect(declare(1, "orders", "{order}") == .ok && id == orders)
        #expect(declare(3, "orders", "{order}") == .conflict)
        #expect(declare(9, "other", "") == .unsupported)
        #expect(declare(1, "1 bad name", "") == .badArgument)
        bench.context.isCreating = false
        meter.record(bench.host, orders, 2, lasting([("kind", "new")]), 1)
        meter.record(bench.host, orders, 3, lasting([("kind", "new")]), 1)
        meter.record(bench.host, 999, 3, nil, 0)
        let snapshot = bench.metrics.snapshot(now: 1)
        let metric = try #require(snapshot.metrics.first { $0.description.name == "orders" })
        #expect(metric.description.scope == "bench")
        #expect(metric.points.map(\.value) == [.number(5)])
        #expect(metric.points.first?.labels == [Attribute("kind", "new")])
    }
}

@Suite struct `completion` {
    @Test func `counts the second completion of one call`() {
        let bench = ModuleBench()
        let call = bench.open()
        #expect(bench.host.pointee.complete(bench.host, call, nil) == .ok)
        #expect(bench.host.pointee.complete(bench.host, call, nil) == .stale)
        #expect(bench.calls.settle(Int(call & 0xFF_FFFF)).kind == .done)
        #expect(bench.context.counters.report.map(\.kind) == [.doubleCompletion])
        #expect(bench.context.counters[.doubleCompletion] == 1)
    }

    @Test func `counts a completion after the host has closed the call`() {
        let bench = ModuleBench()
        let call = bench.open()
        #expect(bench.calls.close(Int(call & 0xFF_FFFF)))
        #expect(bench.host.pointee.cancelled(bench.host, call) != 0)
        #expect(bench.host.pointee.complete(bench.host, call, nil) == .stale)
        #expect(bench.context.counters.report.map(\.kind) == [.completionAfterClose])
    }

    @Test func `counts completions of calls that are long gone, and of invented ones`() {
        let bench = ModuleBench()
        let call = bench.open()
        _ = bench.settle(call)
        _ = bench.calls.arm(Int(call & 0xFF_FFFF))
        #expect(bench.host.pointee.complete(bench.host, call, nil) == .stale)
        for invented in [0, call + (1 << 40), 0xFFFF_FFFF_FFFF_FFFF] as [patchbay_call] {
            #expect(bench.host.pointee.complete(bench.host, invented, nil) == .stale)
        }
        #expect(bench.context.counters[.staleCompletion] == 1)
        #expect(bench.context.counters[.unknownCall] == 3)
    }

    @Test func `names every misbehaviour differently`() {
        #expect(Set(Misbehaviour.allCases.map(\.name)).count == Misbehaviour.allCases.count)
        let counters = MisbehaviourCounters()
        for kind in Misbehaviour.allCases { for _ in 0...kind.rawValue { counters.count(kind) } }
        #expect(counters.report.map(\.count) == Misbehaviour.allCases.map { UInt64($0.rawValue + 1) })
    }
}
