import CPatchbay

/// A span inside a call's own. Does nothing where the call is not sampled. Worthless once the call is completed.
public struct Span: Sendable {
    let call: Call
    let id: patchbay_span

    /// Whether anything is recorded; ask before composing an expensive attribute.
    public var isRecording: Bool { id != 0 }

    /// Sets an attribute: a string, a number, a boolean or an array of one of these.
    public func set(_ key: String, to value: JSON) {
        guard id != 0, let trace = call.services.pointee.trace else { return }
        key.withText { key in
            value.description.withText { value in trace.pointee.attr(call.services.pointee.host, id, key, value) }
        }
    }

    /// Adds an event with the present time.
    public func event(_ name: String, _ fields: KeyValuePairs<String, String> = [:]) {
        guard id != 0, let trace = call.services.pointee.trace else { return }
        name.withText { name in
            withPairs(fields.map { ($0.key, $0.value) }) { pairs, count in
                trace.pointee.event(call.services.pointee.host, id, name, pairs, count)
            }
        }
    }

    /// Opens a span below this one; `end` is owed.
    public func begin(_ name: String) -> Span { call.begin(name, below: id) }

    /// Ends the span. The host ends what is still open when the call completes.
    public func end(ok: Bool = true) {
        guard id != 0, let trace = call.services.pointee.trace else { return }
        trace.pointee.end(call.services.pointee.host, id, ok ? 1 : 0)
    }

    /// W3C `traceparent` for a request to another system; nil where the call is not sampled.
    public var traceparent: String? {
        guard id != 0, let trace = call.services.pointee.trace else { return nil }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { buffer in
            let count = buffer.withMemoryRebound(to: CChar.self) {
                trace.pointee.inject(call.services.pointee.host, id, $0.baseAddress, UInt64($0.count))
            }
            guard count > 0, count <= UInt64(buffer.count) else { return nil }
            return String(decoding: buffer[..<Int(count)], as: UTF8.self)
        }
    }
}

extension Call {
    /// Runs `body` inside a span, which ends with it: as failed when it throws.
    public func span<R, E: Error>(_ name: String, _ body: (Span) throws(E) -> R) throws(E) -> R {
        let span = begin(name)
        do throws(E) {
            let result = try body(span)
            span.end()
            return result
        } catch {
            span.end(ok: false)
            throw error
        }
    }

    /// The same for an asynchronous body.
    public func span<R, E: Error>(
        _ name: String, isolation: isolated (any Actor)? = #isolation, _ body: (Span) async throws(E) -> R
    ) async throws(E) -> R {
        let span = begin(name)
        do throws(E) {
            let result = try await body(span)
            span.end()
            return result
        } catch {
            span.end(ok: false)
            throw error
        }
    }

    /// Opens a span; `end` is owed.
    public func begin(_ name: String) -> Span { begin(name, below: 0) }

    func begin(_ name: String, below parent: patchbay_span) -> Span {
        guard let trace = services.pointee.trace else { return Span(call: self, id: 0) }
        return name.withText { name in
            Span(call: self, id: trace.pointee.begin(services.pointee.host, id, parent, name))
        }
    }
}
