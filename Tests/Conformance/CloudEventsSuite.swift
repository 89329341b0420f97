import Foundation
import PatchbayEvents

/// CloudEvents JSON: single events and batches of `json-format.jsonl`; the other files are of formats not offered yet.
let cloudEventsSuite = ConformanceSuite(name: "cloudevents", folder: "cloudevents") { folder, report in
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    where file.hasSuffix(".jsonl") && file != "json-format.jsonl" {
        let lines = try jsonLines(folder.appendingPathComponent(file)).count
        for _ in 0..<lines { report.leaveOut(reasonToLeaveOut[file] ?? "\(file) is not known") }
    }
    let codec = CloudEventsCodec()
    for testCase in try jsonLines(folder.appendingPathComponent("json-format.jsonl")) {
        let id = testCase["id"] as? String ?? "without id"
        let isBatch = (testCase["content_type"] as? String) == "application/cloudevents-batch+json"
        let text = [UInt8](try JSONSerialization.data(withJSONObject: testCase["input"] ?? [], options: []))
        let verdict = Result { isBatch ? try codec.batch(text) : [try codec.event(text)] }
        switch (verdict, testCase["valid"] as? Bool ?? false) {
        case (.failure, false): report.pass()
        case (.success, false): report.fail(id, "was to be refused")
        case (.failure(let error), true): report.fail(id, "refused: \(error)")
        case (.success(let events), true):
            let expected = testCase["expected"] as? [[String: Any]] ?? [testCase["expected"] as? [String: Any] ?? [:]]
            let wrong = difference(events, expected)
            if wrong.isEmpty { report.pass() } else { report.fail(id, wrong) }
        }
    }
}

private let reasonToLeaveOut = [
    "bindings.jsonl": "transport bindings come with HTTP",
    "protobuf-format.jsonl": "needs the Protobuf event format",
    "vectors.jsonl": "binary-mode vectors come with HTTP",
]

/// What differs between decoded events and the expected ones; empty when nothing does.
private func difference(_ events: [Event], _ expected: [[String: Any]]) -> String {
    guard events.count == expected.count else { return "\(events.count) events, expected \(expected.count)" }
    for (event, expected) in zip(events, expected) {
        var found = ["specversion": "1.0", "id": event.id, "source": event.source, "type": event.type]
        found["subject"] = event.subject
        found["time"] = event.time.flatMap(Value.Timestamp.init(rfc3339:))?.rfc3339
        found["datacontenttype"] = event.datacontenttype
        found["dataschema"] = event.dataschema
        for attribute in event.extensions { found[attribute.name] = attribute.value }
        let attributes = expected["attributes"] as? [String: [String: Any]] ?? [:]
        let wanted = attributes.mapValues(canonical)
        if found != wanted { return "attributes \(found), expected \(wanted)" }
        if let why = dataDifference(event, expected["data"]) { return why }
    }
    return ""
}

/// An attribute's canonical string form (CloudEvents 1.0, section 3.1).
private func canonical(_ attribute: [String: Any]) -> String {
    if attribute["type"] as? String == "Boolean" { return attribute["value"] as? Bool == true ? "true" : "false" }
    return attribute["value"].map { "\($0)" } ?? ""
}

private func dataDifference(_ event: Event, _ expected: Any?) -> String? {
    let found = event.data.map { Data($0) }
    switch expected {
    case nil, is NSNull: return found == nil ? nil : "data where there is to be none"
    case let tagged as [String: Any]:
        if let text = tagged["text"] as? String { return found == Data(text.utf8) ? nil : "data is not \"\(text)\"" }
        let encoded = (tagged["binary"] ?? tagged["base64"]) as? String
        if let encoded { return found == Data(base64Encoded: encoded) ? nil : "data is not base64 \(encoded)" }
        guard let found, let json = tagged["json"] else { return "no data, or data of an unknown tag" }
        let value = try? JSONSerialization.jsonObject(with: found, options: .fragmentsAllowed)
        return (value as? NSObject) == (json as? NSObject) ? nil : "data is not \(json)"
    default: return "data of an unknown shape"
    }
}
