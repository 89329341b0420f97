import Foundation
import PatchbayTestKit
import Testing

@testable import PatchbayTelemetry

/// The official Python packages as the judge of our bytes; `PATCHBAY_PYTHON` names the interpreter that has them.
private enum Oracle {
    static let python = ProcessInfo.processInfo.environment["PATCHBAY_PYTHON"] ?? "python3"

    static let isAvailable: Bool = {
        do {
            return try run([
                "-c", "import opentelemetry.proto, opentelemetry.sdk, opentelemetry.exporter.otlp.proto.common",
            ])
            .status == 0
        } catch {
            return false
        }
    }()

    static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

struct OTLPOracleTests {
    @Test(
        .enabled(
            if: Oracle.isAvailable,
            """
            not compared with the official Python packages: opentelemetry-proto, opentelemetry-sdk and \
            opentelemetry-exporter-otlp-proto-common are not importable; name an interpreter in PATCHBAY_PYTHON
            """))
    func `sends the message that the official Python exporter would send`() throws {
        let spans = sampleJourney() + awkwardSpans()
        let server = try ScriptedServer([.init(status: 200)])
        let exporter = try OTLPSpanExporter(
            endpoint: OTLPEndpoint("http://127.0.0.1:\(server.port)"), resource: sampleResource)
        #expect(exporter.export(spans, control: ExportControl()).exported == spans.count)
        let requests = server.stop()
        let body = try #require(requests.first).body

        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "patchbay-oracle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data(body).write(to: folder.appendingPathComponent("body.bin"))
        try Data(OTLPJSON.line(spans, resource: sampleResource)).write(to: folder.appendingPathComponent("line.json"))
        let words: [String: Any] = [
            "scope": TelemetryResource.scopeName, "version": sampleResource.scopeVersion,
            "resource": words(sampleResource.attributes), "spans": spans.map(words),
        ]
        try JSONSerialization.data(withJSONObject: words).write(to: folder.appendingPathComponent("spans.json"))
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "otlp_oracle.py")
        let verdict = try Oracle.run([script.path, folder.path])
        #expect(verdict.status == 0, "\(verdict.output)")
        #expect(verdict.output.contains("equal: \(spans.count) spans"))
    }

    private func words(_ span: Span) -> [String: Any] {
        var status = "error"
        var message = ""
        switch span.status {
        case .unset: status = "unset"
        case .ok: status = "ok"
        case .error(let why): message = why
        }
        return [
            "name": span.name, "kind": Int(span.kind.rawValue), "trace": span.context.traceID.hexadecimal,
            "span": hexadecimalText(span.context.spanID), "flags": Int(span.context.flags),
            "parent": span.parentSpanID == 0 ? "" : hexadecimalText(span.parentSpanID),
            "parentIsRemote": span.parentIsRemote, "state": span.traceState, "start": String(span.start),
            "end": String(span.end), "status": status, "message": message, "attributes": words(span.attributes),
            "events": span.events.map {
                ["name": $0.name, "time": String($0.time), "attributes": words($0.attributes)] as [String: Any]
            },
            "links": span.links.map {
                [
                    "trace": $0.context.traceID.hexadecimal, "span": hexadecimalText($0.context.spanID),
                    "flags": Int($0.context.flags), "isRemote": $0.context.isRemote, "state": $0.traceState,
                    "attributes": words($0.attributes),
                ] as [String: Any]
            },
        ]
    }

    private func words(_ attributes: [Attribute]) -> [[Any]] { attributes.map { [$0.key, words($0.value)] } }

    private func words(_ value: AttributeValue) -> [String: Any] {
        switch value {
        case .string(let text): ["string": text]
        case .bool(let flag): ["bool": flag]
        case .int(let number): ["int": String(number)]
        case .double(let number): ["double": number]
        case .array(let values): ["array": values.map(words)]
        }
    }
}
