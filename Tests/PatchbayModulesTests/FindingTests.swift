import Foundation
import PatchbayEvents
import PatchbaySchemas
import Testing

@testable import PatchbayModules

/// Faults that a reader found, each with what it must never do again.
@Suite struct FindingTests {
    @Test func `finding 2: of several versions of one module the highest is kept, or the one with a pin`() throws {
        let folder = try Fixture.emptyFolder()
        for (version, file) in [("1.9.0", "a"), ("1.10.0", "b"), ("1.10.0-rc.1", "c")] {
            let source = "\(folder)/\(file).c"
            let text = #"""
                #include <patchbay.h>
                PATCHBAY_MANIFEST("{\"abi\":{\"major\":1,\"minor\":0},\"name\":\"billing\",\"version\":\"VERSION\","
                  "\"runtime\":\"c\",\"handlers\":[]}");
                PATCHBAY_EXPORT patchbay_status patchbay_module_v1(const patchbay_host *h, const patchbay_module **m) {
                  (void)h; (void)m; return PATCHBAY_E_UNSUPPORTED;
                }
                """#
            try text.replacing("VERSION", with: version).write(toFile: source, atomically: true, encoding: .utf8)
            try Fixture.compile(
                "cc",
                [
                    "-shared", "-fPIC", "-fvisibility=hidden", "-I\(Fixture.include)", source, "-o",
                    "\(folder)/\(file).so",
                ])
        }
        let scan = try ModuleScanner().scan(directory: folder)
        #expect(scan.accepted.map(\.manifest.version) == ["1.10.0"])
        #expect(scan.rejections.map(\.code) == [.duplicateModule, .duplicateModule])
        #expect(scan.rejections[0].message.contains("is version 1.9.0 of billing 1.10.0"), "\(scan.rejections)")
        let pinned = try #require(ModuleScanner().inspect(file: "\(folder)/a.so").accepted)
        let pin = pinned.contentHash.hex.uppercased()
        let scanPinned = try ModuleScanner().scan(directory: folder, pins: [pin])
        #expect(scanPinned.accepted.map(\.manifest.version) == ["1.9.0"])
    }

    /// Semantic Versioning 2.0.0, section 11, with its own example.
    @Test func `versions are ordered as the specification says`() throws {
        let ordered = [
            "0.0.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11",
            "1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "2.0.0", "18446744073709551617.0.0",
        ]
        let versions = try ordered.map { try #require(SemanticVersion($0), "\($0)") }
        for (i, a) in versions.enumerated() {
            for (j, b) in versions.enumerated() {
                #expect((a < b) == (i < j) && (a == b) == (i == j), "\(ordered[i]) \(ordered[j])")
            }
        }
        #expect(SemanticVersion("1.0.0+a") == SemanticVersion("1.0.0+b"))
        for text in ["1.0", "01.0.0", "1.0.0-", "1.0.0+", "1.0.x", "", "1.0.0-ä"] {
            #expect(SemanticVersion(text) == nil, "\(text)")
        }
    }

    /// Members of a manifest, or of its handler, and whether they are accepted.
    static let members: [(root: String, handler: String, isValid: Bool)] = [
        ("", "", true), (#""description":"two words""#, "", true), (#""description":"\u001b[31m""#, "", false),
        (#""description":"a\nb""#, "", false), (#""description":"\u0007""#, "", false),
        (#""description":"\u009b""#, "", false),
        ("\"description\":\"\(String(repeating: "é", count: 1024))\"", "", true),
        ("\"description\":\"\(String(repeating: "x", count: 1025))\"", "", false),
        (#""runtimeVersion":"6.3\n""#, "", false), (#""runtimeVersion":"6.3.1""#, "", true),
        (#""requires":["patchbay.logger/1"]"#, "", true), (#""requires":["patchbay.logger"]"#, "", false),
        (#""requires":["a..b/1"]"#, "", false), (#""requires":["A/1"]"#, "", false), (#""requires":["a/"]"#, "", false),
        (#""requires":["a-b.c/12"]"#, "", true), (#""capabilities":{"network":["\u0000"]}"#, "", false),
        (#""capabilities":{"files":["/tmp/a b"]}"#, "", true), ("", #""accepts":["com..*x"]"#, false),
        ("", #""accepts":["com.*.x"]"#, true), ("", #""accepts":["**"]"#, true), ("", #""accepts":["**.a"]"#, false),
        ("", #""accepts":["a b"]"#, false), ("", #""emits":["a."]"#, false), ("", #""emits":["*"]"#, true),
        ("", #""emits":["a.**"]"#, true), ("", #""description":"\u001b""#, false),
        ("", #""concurrency":3000000000"#, false),
        ("", #""batch":{"max":3000000000}"#, false), ("", #""config":7"#, false),
        ("", #""config":{"type":"object"}"#, true),
    ]

    @Test(arguments: members.indices)
    func `findings 14 and 17: the published schema and the reader agree, and nothing unprintable gets through`(
        index: Int
    ) throws {
        let (root, handler, isValid) = Self.members[index]
        let json =
            #"{"abi":{"major":1,"minor":0},"name":"a","version":"1.0.0","runtime":"c","handlers":[{"id":"h""#
            + (handler.isEmpty ? "" : ",\(handler)") + "}]" + (root.isEmpty ? "" : ",\(root)") + "}"
        var problems: [String] = []
        do {
            _ = try Manifest(json: Array(json.utf8))
        } catch {
            problems = error.problems.map(\.message)
            #expect(error.message.utf8.allSatisfy { $0 >= 0x20 })
        }
        let folder = URL(fileURLWithPath: Fixture.include).deletingLastPathComponent()
        let text = try Data(contentsOf: folder.appendingPathComponent("manifest.schema.json"))
        let schema = try JSONSchema(compiling: try JSONText.parse(Array(text)))
        let violations = schema.validate(try JSONText.parse(Array(json.utf8)))
        #expect(problems.isEmpty == isValid, "\(json): \(problems)")
        #expect(violations.isEmpty == isValid, "\(json): \(violations)")
    }

    @Test func `finding 17: a configuration schema that is none is refused at the scan`() {
        let json =
            #"{"abi":{"major":1,"minor":0},"name":"a","version":"1.0.0","runtime":"c","handlers":"#
            + #"[{"id":"h","config":{"type":7}}]}"#
        #expect {
            _ = try Manifest(json: Array(json.utf8))
        } throws: { error in
            (error as? ManifestError)?.problems.map(\.pointer) == ["/handlers/0/config"]
        }
    }

    @Test func `a missing file is not called unreadable for want of permission`() throws {
        let rejection = try #require(ModuleScanner().inspect(file: "/nonexistent/a.so").rejection)
        #expect(rejection.code == .unreadable && rejection.remedy == "put the file there, or correct its path")
    }
}
