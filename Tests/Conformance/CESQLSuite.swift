import CPatchbayJSON
import Foundation
import PatchbayEvents
import PatchbayExpressions

/// The conformance cases of CloudEvents SQL 1.0: an expression and an event give a value, an error of a class, or both.
let cesqlSuite = ConformanceSuite(name: "cesql", folder: "cesql") { folder, report in
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    for file in files.sorted(by: { $0.path < $1.path }) where file.pathExtension == "jsonl" {
        for one in try jsonLines(file) { run(one, &report) }
    }
}

private func run(_ test: [String: Any], _ report: inout SuiteReport) {
    let id = test["id"] as? String ?? "?"
    let source = text(of: test["expression"])
    let wantedError = test["error"] as? String
    let plan = FieldPlan()
    let expression: SQLExpression
    do {
        expression = try SQLExpression(source, plan: plan, checksFunctions: false)
    } catch {
        return wantedError == "parse" ? report.pass() : report.fail(id, "\(source): \(error)")
    }
    guard wantedError != "parse" else { return report.fail(id, "\(source): expected a parse error") }
    do {
        let event = try DecodedEvent(json(of: test), plan: plan)
        let result = expression.evaluate(event.slots)
        if let error = result.error, error.kind.rawValue != wantedError {
            return report.fail(id, "\(source): \(error)")
        }
        if let wantedError, result.error == nil {
            return report.fail(id, "\(source): expected an error (\(wantedError)), found \(result.value.display)")
        }
        guard let wanted = test["result"].flatMap(value) else { return report.pass() }
        if result.value.typeName == wanted.typeName, result.value == wanted { return report.pass() }
        report.fail(id, "\(source): expected \(wanted.display), found \(result.value.display)")
    } catch {
        report.fail(id, "\(source): \(error)")
    }
}

/// YAML took some expressions, such as `TRUE` and `-10`, for values; what is written comes to the same.
private func text(of expression: Any?) -> String {
    switch expression {
    case let text as String: text
    case let number as NSNumber where String(cString: number.objCType) == "c": number.boolValue ? "TRUE" : "FALSE"
    case let number as NSNumber: number.stringValue
    default: ""
    }
}

private func value(_ json: Any) -> Value? {
    switch json {
    case let text as String: .string(text)
    case let number as NSNumber where String(cString: number.objCType) == "c": .bool(number.boolValue)
    case let number as NSNumber: .int(number.int64Value)
    default: nil
    }
}

/// The event of a case: the given one, or any with the given attributes.
private func json(of test: [String: Any]) -> [String: Any] {
    let any = ["specversion": "1.0", "id": "1", "source": "/conformance", "type": "com.example.any"]
    let event = test["event"] as? [String: Any] ?? any
    return event.merging(test["eventOverrides"] as? [String: Any] ?? [:]) { $1 }
}

private struct UnreadableEvent: Error { let text: String }

/// An event with its fields.
private final class DecodedEvent {
    let slots: FieldSlots
    private let batch: EventBatch
    private let fields: UnsafeMutablePointer<pbj_field>
    private let decoder: OpaquePointer

    init(_ json: [String: Any], plan: FieldPlan) throws {
        let text = try JSONSerialization.data(withJSONObject: json)
        let decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle)
        guard let decoder else { throw UnreadableEvent(text: "no memory") }
        self.decoder = decoder
        batch = EventBatch(source: 0, textCapacity: text.count)
        fields = .allocate(capacity: plan.count + 1)
        for (index, byte) in text.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        var call = pbj_batch()
        call.text = UnsafePointer(batch.text)
        call.end = UInt32(text.count)
        (call.events, call.ext, call.fields) = (batch.events, batch.extensions, fields)
        (call.capacity, call.ext_capacity, call.arena) = (1, UInt32(EventBatch.extensionsMax), batch.arena)
        pbj_decode(decoder, &call)
        slots = FieldSlots(base: UnsafePointer(fields))
        guard call.count == 1, batch.events[0].error == 0 else {
            throw UnreadableEvent(text: String(decoding: text, as: UTF8.self))
        }
    }

    deinit {
        fields.deallocate()
        pbj_decoder_free(decoder)
    }
}
