import CPatchbay
import CPatchbayJSON
import CPatchbaySystem
import Glibc
import PatchbayEvents
import PatchbayTelemetry

/// What a worker needs to know of a call: written by the dispatcher before the call is handed over.
struct CallInfo: BitwiseCopyable {
    var view: UnsafePointer<BatchView>
    var event: UInt32 = 0
    var lane: UInt16 = 0
    var route: UInt16 = 0
    var attempt: UInt32 = 0
    var attemptsMax: UInt32 = 0
    /// Nanoseconds for the attempt; 0 is no limit.
    var timeout: UInt64 = 0
    var breaker: UInt32 = 0
    /// One less than the breaker's, so that fresh memory stands for the first.
    var generation: UInt32 = 0
    /// The next call of the same `handle_batch`; 0 ends.
    var nextInBatch: UInt32 = 0
    var isSampled = false
    /// Other handlers are tried with its event, and compared with it.
    var isShadowed = false
    /// The version of the lane's handler that runs it, see `CodeBook`.
    var code: UInt16 = 0
    /// The attempt's own span.
    var span: UInt64 = 0
    /// The span of the attempt before; 0 without one.
    var previousSpan: UInt64 = 0
    /// Unix nanoseconds; written by the worker, for sampled calls only.
    var startedUnix: UInt64 = 0
    /// Monotonic nanoseconds when `handle` returned; written by the worker, for shadowed calls only.
    var endedAt: UInt64 = 0
}

/// Fills the event views that handlers get.
struct ViewWriter {
    private static let traceparentBytes = 55
    private static let keyOffset = 64

    /// Writes the view of a call into its slot; pointers go into the batch, the names and the slot's scratch.
    ///
    /// - Parameter transformed: holds the event that the handler gets, as its first; `nil` is the call's own.
    static func fill(
        _ view: UnsafeMutablePointer<patchbay_event>, scratch: UnsafeMutablePointer<UInt8>, info: CallInfo,
        transformed: BatchView?, route: StaticName, handler: StaticName, deadline: UInt64
    ) {
        let batch = transformed ?? info.view.pointee
        let record = batch.events + (transformed == nil ? Int(info.event) : 0)
        view.pointee.size = UInt32(MemoryLayout<patchbay_event>.size)
        view.pointee.flags = 0
        view.pointee.id = batch.bytes(record.pointee.id)
        view.pointee.source = batch.bytes(record.pointee.source)
        view.pointee.type = batch.bytes(record.pointee.type)
        view.pointee.subject = batch.bytes(record.pointee.subject)
        view.pointee.time = batch.bytes(record.pointee.time)
        view.pointee.datacontenttype = batch.bytes(record.pointee.datacontenttype)
        view.pointee.dataschema = batch.bytes(record.pointee.dataschema)
        let ext = batch.extensions + Int(record.pointee.ext_first)
        let extCount = Int(record.pointee.ext_count)
        view.pointee.ext = ext
        view.pointee.ext_count = UInt64(extCount)
        let data = batch.bytes(record.pointee.data)
        view.pointee.data = data.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt8.self) }
        view.pointee.data_len = data.len
        view.pointee.route = route.text
        view.pointee.idempotency_key = idempotencyKey(
            handler, view.pointee.source, view.pointee.id, scratch + keyOffset, CallTable.scratchBytes - keyOffset)
        view.pointee.traceparent = traceparent(info.view.pointee.traces[Int(info.event)], info, scratch)
        view.pointee.tracestate = tracestate(info.view.pointee.traces[Int(info.event)], ext, extCount)
        view.pointee.attempt = info.attempt
        view.pointee.max_attempts = info.attemptsMax
        view.pointee.deadline_ns = deadline
    }

    /// `handler SP source SP id`: neither a handler's name nor a URI reference has a space, so no two deliveries
    /// share one. What is longer than the scratch is cut and ends in a hash of the whole.
    private static func idempotencyKey(
        _ handler: StaticName, _ source: patchbay_str, _ id: patchbay_str, _ out: UnsafeMutablePointer<UInt8>,
        _ capacity: Int
    ) -> patchbay_str {
        let length = handler.count + 1 + Int(source.len) + 1 + Int(id.len)
        let text = UnsafeMutableRawPointer(out)
        if length > capacity { return longKey(handler, source, id, out) }
        var end = copy(handler.pointer, handler.count, text, 0)
        out[end] = 0x20
        end = copy(source.ptr, Int(source.len), text, end + 1)
        out[end] = 0x20
        end = copy(id.ptr, Int(id.len), text, end + 1)
        return patchbay_str(ptr: UnsafeRawPointer(out).assumingMemoryBound(to: CChar.self), len: UInt64(end))
    }

    private static func longKey(
        _ handler: StaticName, _ source: patchbay_str, _ id: patchbay_str, _ out: UnsafeMutablePointer<UInt8>
    ) -> patchbay_str {
        let whole = [UInt8](handler.text) + [0x20] + [UInt8](source) + [0x20] + [UInt8](id)
        let digest = Array(StableHash.hexadecimal(whole).utf8)
        for (index, byte) in digest.enumerated() { out[index] = byte }
        return patchbay_str(ptr: UnsafeRawPointer(out).assumingMemoryBound(to: CChar.self), len: UInt64(digest.count))
    }

    private static func copy(
        _ from: UnsafePointer<CChar>?, _ count: Int, _ to: UnsafeMutableRawPointer, _ offset: Int
    ) -> Int {
        if let from, count > 0 { (to + offset).copyMemory(from: from, byteCount: count) }
        return offset + count
    }

    /// The attempt's context, so that what the handler calls continues the trace.
    private static func traceparent(
        _ trace: EventTrace, _ info: CallInfo, _ out: UnsafeMutablePointer<UInt8>
    ) -> patchbay_str {
        guard trace.traceHigh | trace.traceLow != 0 else { return patchbay_str(ptr: nil, len: 0) }
        let text = UnsafeMutableRawPointer(out).assumingMemoryBound(to: CChar.self)
        out[0] = 0x30
        out[1] = 0x30
        out[2] = 0x2D
        pbs_hex16(text + 3, trace.traceHigh)
        pbs_hex16(text + 19, trace.traceLow)
        out[35] = 0x2D
        pbs_hex16(text + 36, info.span)
        out[52] = 0x2D
        out[53] = 0x30
        out[54] = info.isSampled || trace.sampled ? 0x31 : 0x30
        return patchbay_str(ptr: UnsafePointer(text), len: UInt64(traceparentBytes))
    }

    /// The event's own, where the attempt goes on with the event's trace. Only events that bring one cost anything.
    private static func tracestate(
        _ trace: EventTrace, _ ext: UnsafePointer<patchbay_kv>, _ count: Int
    ) -> patchbay_str {
        guard let state = value("tracestate", ext, count), let traceparent = value("traceparent", ext, count),
            TraceState.continued(
                String(state), broughtWith: UnsafeRawBufferPointer(traceparent.bytes),
                in: TraceID(high: trace.traceHigh, low: trace.traceLow)) != nil
        else { return patchbay_str(ptr: nil, len: 0) }
        return state
    }

    private static func value(
        _ name: StaticString, _ ext: UnsafePointer<patchbay_kv>, _ count: Int
    ) -> patchbay_str? {
        for index in 0..<count where ext[index].key.len == UInt64(name.utf8CodeUnitCount) {
            if memcmp(ext[index].key.ptr, name.utf8Start, name.utf8CodeUnitCount) == 0 { return ext[index].value }
        }
        return nil
    }
}
