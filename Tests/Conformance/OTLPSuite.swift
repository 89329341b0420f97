import Foundation
import PatchbayTelemetry
import SwiftProtobuf

/// OTLP requests of the specification and of the official Python exporter, between protobuf and JSON in both directions.
let otlpSuite = ConformanceSuite(name: "otlp", folder: "otlp") { folder, report in
    for sample in try jsonLines(folder.appendingPathComponent("otlp-requests.jsonl")) {
        let id = sample["id"] as? String ?? "?"
        let json = sample["json"] as? [String: Any] ?? [:]
        guard let bytes = Data(base64Encoded: sample["protobuf_b64"] as? String ?? "") else {
            report.fail(id, "no base64")
            continue
        }
        do {
            let failure: String?
            switch sample["signal"] as? String {
            case "traces": failure = try compare(OTLPTraceRequest.self, bytes, json)
            case "metrics": failure = try compare(OTLPMetricsRequest.self, bytes, json)
            case "logs":
                report.leaveOut("log records are not exported")
                continue
            default: failure = "unknown signal"
            }
            if let failure { report.fail(id, failure) } else { report.pass() }
        } catch {
            report.fail(id, "\(error)")
        }
    }
}

/// `nil` when bytes and JSON are one message, each way.
private func compare<M: Message & Equatable>(_ type: M.Type, _ bytes: Data, _ json: [String: Any]) throws -> String? {
    let decoded = try M(serializedBytes: bytes)
    let read = try M(jsonUTF8Bytes: JSONSerialization.data(withJSONObject: convertIDs(json, base64(ofHexadecimal:))))
    guard read == decoded else { return "JSON reads as another message" }
    guard try M(serializedBytes: decoded.serializedBytes() as [UInt8]) == decoded else { return "bytes do not return" }
    var options = JSONEncodingOptions()
    options.alwaysPrintEnumsAsInts = true
    let written = try JSONSerialization.jsonObject(with: decoded.jsonUTF8Data(options: options))
    let found = withoutDefaults(convertIDs(written, hexadecimal(ofBase64:))) as? NSObject
    let expected = withoutDefaults(json) as? NSObject
    return found == expected ? nil : "written as \(found.map(String.init(describing:)) ?? "nothing")"
}

/// OTLP's JSON has hexadecimal ids where protobuf's has base64.
private func convertIDs(_ value: Any, _ convert: (String) -> String) -> Any {
    switch value {
    case let members as [String: Any]:
        var converted: [String: Any] = [:]
        for (key, member) in members {
            let isID = ["traceId", "spanId", "parentSpanId"].contains(key)
            converted[key] = (isID ? member as? String : nil).map(convert) ?? convertIDs(member, convert)
        }
        return converted
    case let items as [Any]: return items.map { convertIDs($0, convert) }
    default: return value
    }
}

/// Fields with protobuf's default may be written or not.
private func withoutDefaults(_ value: Any) -> Any {
    switch value {
    case let members as [String: Any]:
        return members.filter { $0.key != "zeroThreshold" || ($0.value as? Double) != 0 }
            .filter { !["scale", "offset"].contains($0.key) || ($0.value as? Int) != 0 }
            .mapValues(withoutDefaults)
    case let items as [Any]: return items.map(withoutDefaults)
    default: return value
    }
}

private func base64(ofHexadecimal text: String) -> String {
    let digits = Array(text)
    let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
        UInt8(String(digits[$0...($0 + 1)]), radix: 16)
    }
    return Data(bytes).base64EncodedString()
}

private func hexadecimal(ofBase64 text: String) -> String {
    (Data(base64Encoded: text) ?? Data()).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
