import CPatchbay
import PatchbaySDK
import Synchronization

func testHostTable() -> patchbay_host {
    patchbay_host(
        size: UInt32(MemoryLayout<patchbay_host>.size), abi_minor: UInt32(PATCHBAY_ABI_MINOR),
        name: hostName.text, version: hostVersion.text,
        service: { _, id in TestServices.shared.table(String(id)) },
        complete: { host, call, result in
            var done = patchbay_result()
            done.outcome = Int32(PATCHBAY_DONE)
            return TestCore.of(host).journal.withLock { [result = result?.pointee ?? done] in $0.complete(call, result)
            }
        },
        cancelled: { host, call in
            TestCore.of(host).journal.withLock { $0.open[call]?.cancelled ?? Int32(PATCHBAY_CANCEL_SHUTDOWN) }
        },
        set_error: { host, message in TestCore.of(host).journal.withLock { $0.errorMessage = String(message) } })
}

private let hostName: StaticString = "patchbay-test"
private let hostVersion: StaticString = "1.0.0"

extension StaticString {
    fileprivate var text: patchbay_str {
        patchbay_str(
            ptr: UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self), len: UInt64(utf8CodeUnitCount))
    }
}

/// The tables of services.
///
/// Invariant behind the unchecked conformance: written in `init`, never changed, never freed.
private final class TestServices: @unchecked Sendable {
    static let shared = TestServices()
    private var tables: [String: UnsafeRawPointer] = [:]

    func table(_ id: String) -> UnsafeRawPointer? { tables[id] }

    private func add<T>(_ id: String, _ table: T) {
        let place = UnsafeMutablePointer<T>.allocate(capacity: 1)
        place.initialize(to: table)
        tables[id] = UnsafeRawPointer(place)
    }

    private init() {
        addObservers()
        addEffects()
        add(PATCHBAY_STREAM, testStreamTable())
        add(PATCHBAY_HTTP, testHTTPTable())
        add(PATCHBAY_MAIL, testMailTable())
    }

    private func addObservers() {
        add(
            PATCHBAY_LOGGER,
            patchbay_logger(
                size: UInt32(MemoryLayout<patchbay_logger>.size), reserved: 0, enabled: { _, _ in 1 },
                write: { host, _, level, message, fields, count in
                    let log = TestLog(level: level, message: String(message), fields: [String: String](fields, count))
                    TestCore.of(host).journal.withLock { $0.logs.append(log) }
                }))
        add(
            PATCHBAY_TRACE,
            patchbay_trace(
                size: UInt32(MemoryLayout<patchbay_trace>.size), reserved: 0,
                begin: { host, call, _, name in
                    TestCore.of(host).journal.withLock { journal in
                        guard journal.open[call] != nil else { return 0 }
                        journal.spans.append(TestSpan(name: String(name)))
                        journal.open[call]?.spans.append(UInt64(journal.spans.count))
                        return UInt64(journal.spans.count)
                    }
                },
                attr: { host, span, key, value in
                    change(host, span) { $0.attributes[String(key)] = String(value) }
                },
                event: { host, span, name, _, _ in change(host, span) { $0.events.append(String(name)) } },
                end: { host, span, ok in change(host, span) { $0.ok = ok != 0 } },
                inject: { _, span, buffer, room in
                    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                    guard span != 0 else { return 0 }
                    if let buffer, room >= UInt64(text.utf8.count) {
                        for (index, byte) in text.utf8.enumerated() { buffer[index] = CChar(bitPattern: byte) }
                    }
                    return UInt64(text.utf8.count)
                }))
        add(
            PATCHBAY_METER,
            patchbay_meter(
                size: UInt32(MemoryLayout<patchbay_meter>.size), reserved: 0,
                declare: { host, _, name, _, _, id in
                    let name = String(name)
                    let index: Int? = TestCore.of(host).journal.withLock { journal in
                        guard !journal.isCreated else { return nil }
                        if let known = journal.instruments.firstIndex(of: name) { return known }
                        journal.instruments.append(name)
                        return journal.instruments.count - 1
                    }
                    guard let index else { return patchbay_status(PATCHBAY_E_STATE) }
                    id?.pointee = UInt32(index)
                    return patchbay_status(PATCHBAY_OK)
                },
                record: { host, id, value, pairs, count in
                    let attributes = [String: String](pairs, count)
                    TestCore.of(host).journal.withLock { journal in
                        guard id < journal.instruments.count else { return }
                        journal.measurements.append(
                            TestMeasurement(
                                instrument: journal.instruments[Int(id)], value: value, attributes: attributes))
                    }
                }))
    }

    private func addEffects() {
        add(
            PATCHBAY_EMIT,
            patchbay_emit(
                size: UInt32(MemoryLayout<patchbay_emit>.size), reserved: 0,
                add: { host, call, draft in
                    guard let draft, draft.pointee.type.len > 0 else { return patchbay_status(PATCHBAY_E_ARG) }
                    let emitted = EventDraft(draft.pointee)
                    return TestCore.of(host).journal.withLock { journal in
                        guard journal.open[call] != nil else { return patchbay_status(PATCHBAY_E_STALE) }
                        journal.open[call]?.emitted.append(emitted)
                        return patchbay_status(PATCHBAY_OK)
                    }
                }))
        add(
            PATCHBAY_STATE,
            patchbay_state(
                size: UInt32(MemoryLayout<patchbay_state>.size), reserved: 0,
                get: { host, call, key, buffer, length, revision in
                    let key = String(key)
                    let (isOpen, stored) = TestCore.of(host).journal.withLock {
                        ($0.open[call] != nil, $0.stored(key, in: call))
                    }
                    guard isOpen else { return patchbay_status(PATCHBAY_E_STALE) }
                    let room = length?.pointee ?? 0
                    length?.pointee = UInt64(stored?.value.count ?? 0)
                    revision?.pointee = stored?.revision ?? 0
                    guard let stored else { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
                    guard UInt64(stored.value.count) <= room else { return patchbay_status(PATCHBAY_E_LIMIT) }
                    for (index, byte) in stored.value.enumerated() { buffer?[index] = byte }
                    return patchbay_status(PATCHBAY_OK)
                },
                del: { host, call, key, revision in
                    let key = String(key)
                    return TestCore.of(host).journal.withLock { $0.write(key, nil, expecting: revision, in: call) }
                },
                put: { host, call, key, bytes, count, revision, _ in
                    let key = String(key)
                    let value = Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
                    return TestCore.of(host).journal.withLock { $0.write(key, value, expecting: revision, in: call) }
                }))
        add(
            PATCHBAY_TIMER,
            patchbay_timer(
                size: UInt32(MemoryLayout<patchbay_timer>.size), reserved: 0,
                set: { host, call, key, draft in
                    guard let draft, draft.pointee.type.len > 0, draft.pointee.not_before_ns > 0, key.len > 0 else {
                        return patchbay_status(PATCHBAY_E_ARG)
                    }
                    let (key, event) = (String(key), EventDraft(draft.pointee))
                    return TestCore.of(host).journal.withLock { $0.setTimer(key, event, in: call) }
                },
                cancel: { host, call, key in
                    let key = String(key)
                    return TestCore.of(host).journal.withLock { $0.setTimer(key, nil, in: call) }
                }))
    }
}

/// Changes an open span; 0 and unknown numbers are ignored.
private func change(_ host: HostPointer?, _ span: UInt64, _ body: (inout TestSpan) -> Void) {
    TestCore.of(host).journal.withLock { journal in
        guard span > 0, span <= UInt64(journal.spans.count) else { return }
        body(&journal.spans[Int(span) - 1])
    }
}
