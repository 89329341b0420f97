import Foundation
import PatchbayTelemetry

/// W3C Trace Context, levels 1 and 2: event attributes in, the attributes of the calls that the event causes out.
///
/// Mapping of an HTTP service to an event: a header is an attribute of its name in lowercase, as CloudEvents requires;
/// several headers of one name are a list of values, of which `traceparent` must be one and `tracestate` is joined.
let traceContextSuite = ConformanceSuite(name: "trace-context", folder: "trace-context") { folder, report in
    let tracer = Tracer(sampler: .always, ids: IDGenerator(seed: 1), pipelines: [])
    for (number, sample) in try jsonLines(folder.appendingPathComponent("w3c-trace-context.jsonl")).enumerated() {
        let id = sample["id"] as? String ?? "?"
        let incoming = sample["incoming_headers"] as? [[String]] ?? []
        let calls = sample["outgoing_requests"] as? Int ?? 1
        let outgoing = carry(incoming, calls: calls, position: UInt64(number), tracer: tracer)
        var failures: [String] = []
        for expectation in sample["expect"] as? [[String: Any]] ?? [] {
            if let failure = outgoing.failure(of: expectation) { failures.append(failure) }
        }
        if failures.isEmpty { report.pass() } else { report.fail(id, failures.joined(separator: "; ")) }
    }
}

/// What left the host: a `traceparent` a call, and the one `tracestate`.
private struct Outgoing {
    var traceparents: [String]
    var tracestate: String?

    private var parts: [[Substring]] { traceparents.map { $0.split(separator: "-") } }

    private var members: [(key: String, value: String)] {
        (tracestate ?? "").split(separator: ",").map { member in
            let parts = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
        }
    }

    /// What is wrong, `nil` when the expectation holds.
    func failure(of expectation: [String: Any]) -> String? {
        let check = expectation["check"] as? String ?? ""
        let key = expectation["key"] as? String ?? ""
        let value = expectation["value"] as? String ?? ""
        let count = expectation["value"] as? Int ?? 0
        let holds: Bool
        switch check {
        case "outgoing_traceparent_valid":
            let valid = #/00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/#
            holds = traceparents.allSatisfy { $0.wholeMatch(of: valid) != nil }
        case "trace_id_equals": holds = parts.allSatisfy { $0[1] == value }
        case "trace_id_not_equals": holds = parts.allSatisfy { $0[1] != value }
        case "parent_id_not_equals": holds = parts.allSatisfy { $0[2] != value }
        case "distinct_trace_ids": holds = Set(parts.map { $0[1] }).count == count
        case "distinct_parent_ids": holds = Set(parts.map { $0[2] }).count == count
        case "tracestate_has_key": holds = members.contains { $0.key == key }
        case "tracestate_lacks_key": holds = !members.contains { $0.key == key }
        case "tracestate_value": holds = members.first { $0.key == key }?.value == value
        case "tracestate_contains_member":
            holds = has(expectation["member"] as? String ?? "")
        case "tracestate_order":
            let order = [expectation["before"], expectation["after"]].map { wanted in
                members.firstIndex { "\($0.key)=\($0.value)" == wanted as? String } ?? -1
            }
            holds = order[0] >= 0 && order[0] < order[1]
        case "tracestate_contains_any_member":
            holds = (expectation["members"] as? [String] ?? []).contains(where: has)
        case "note": holds = true
        default: return "unknown check \(check)"
        }
        return holds ? nil : "\(check) \(key)\(value): \(traceparents) \(tracestate ?? "no tracestate")"
    }

    private func has(_ member: String) -> Bool { members.contains { "\($0.key)=\($0.value)" == member } }
}

/// One event's way through the host: in with `headers`, out with each of the calls that it causes.
private func carry(_ headers: [[String]], calls: Int, position: UInt64, tracer: Tracer) -> Outgoing {
    func values(_ name: String) -> [String] { headers.filter { $0[0].lowercased() == name }.map { $0[1] } }
    let traceparents = values("traceparent")
    let parent = traceparents.count == 1 ? TraceContext(traceparent: traceparents[0]) : nil
    let received = tracer.receive(position: position, parent: parent ?? .none)
    return Outgoing(
        traceparents: (0..<calls).map { call in
            let span = tracer.ids.spanID(
                position: position, lane: UInt32(call), attempt: 1, role: IDGenerator.Role.process)
            return received.child(spanID: span).traceparent
        },
        tracestate: parent == nil ? nil : TraceState.normalised(values("tracestate")))
}
