import Foundation
import Testing

@testable import patchbay_module

@Suite struct ModuleSourceTests {
    private func source(_ manifest: JSON) throws -> String {
        try ModuleSource(manifest: manifest, compiler: "6.3").text
    }

    /// The note's bytes as the array literal in the source has them.
    private func note(in source: String) throws -> String {
        let start = try #require(source.range(of: "    [\n")).upperBound
        let end = try #require(source[start...].range(of: "\n    ]")).lowerBound
        let bytes = source[start..<end].split(whereSeparator: { !$0.isNumber }).compactMap { UInt8($0) }
        #expect(bytes.count.isMultiple(of: 4) && bytes.last == 0)
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test func `completes the manifest and keeps what it does not know`() throws {
        let text = try source([
            "name": "billing", "version": "2.1.0-rc.1", "x-owner": "é",
            "handlers": [["id": "charge-card", "batch": ["max": 8]], ["id": "refund", "type": "Billing.Back"]],
        ])
        let note = try JSON(parsing: note(in: text))
        #expect(note["abi"] == ["major": 1, "minor": 0])
        #expect(note["runtime"] == "swift" && note["runtimeVersion"] == "6.3" && note["linkage"] == "shared")
        #expect(note["x-owner"] == "é")
        #expect(note["handlers"] == [["id": "charge-card", "batch": ["max": 8]], ["id": "refund"]])
        #expect(text.contains(#"Registration("charge-card", batch: true, create: { ChargeCard.patchbayCreate("#))
        #expect(text.contains(#"Registration("refund", create: { Billing.Back.patchbayCreate("#))
    }

    @Test func `registers shutdown and component, and keeps both out of the note`() throws {
        let text = try source([
            "name": "billing", "version": "1.0.0", "handlers": [["id": "a"]], "shutdown": "lastWords",
            "component": "Billing.find",
        ])
        #expect(text.contains("], shutdown: { lastWords() }, component: { patchbayComponent($0, Billing.find) })"))
        #expect(try JSON(parsing: note(in: text))["component"] == nil)
    }

    @Test(arguments: [
        ("[]", "expected a JSON object"),
        (#"{"version": "1.0.0", "handlers": [{"id": "a"}]}"#, "'name' should be"),
        (#"{"name": "A", "version": "1.0.0", "handlers": [{"id": "a"}]}"#, "'name' should be"),
        (#"{"name": "a", "version": "1.0", "handlers": [{"id": "a"}]}"#, "'version' should be"),
        (#"{"name": "a", "version": "1.0.0", "handlers": []}"#, "'handlers' should be"),
        (
            #"{"name": "a", "version": "1.0.0", "handlers": [{"id": "a"}], "shutdown": "f(); g"}"#,
            "'shutdown' should be the name of a Swift function"
        ),
        (#"{"name": "a", "version": "1.0.0", "handlers": [{"id": 1}]}"#, "'handlers[0].id' should be"),
        (#"{"name": "a", "version": "1.0.0", "handlers": [{"id": "a"}, {"id": "a"}]}"#, "two handlers have the id 'a'"),
        (#"{"name": "a", "version": "1.0.0", "handlers": [{"id": "a", "type": "A()"}]}"#, "handlers[0].type should be"),
    ])
    func `refuses a manifest that registers nothing sensible`(manifest: String, message: String) throws {
        let manifest = try JSON(parsing: manifest)
        let error = #expect(throws: ManifestError.self) { try ModuleSource(manifest: manifest, compiler: "6.3") }
        #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    }
}
