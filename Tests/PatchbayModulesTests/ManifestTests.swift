import PatchbayEvents
import Testing

@testable import PatchbayModules

@Suite struct `manifest` {
    private let least = #""abi":{"major":1,"minor":0},"name":"a","version":"1.0.0","runtime":"c""#

    private func problems(_ json: String) -> [String] {
        do {
            _ = try Manifest(json: Array(json.utf8))
            return []
        } catch {
            return error.problems.map(\.pointer)
        }
    }

    @Test func `has the published defaults where it says nothing`() throws {
        let manifest = try Manifest(json: Array("{\(least),\"handlers\":[{\"id\":\"h\"}]}".utf8))
        #expect(manifest.linkage == .shared && manifest.requires.isEmpty && manifest.description.isEmpty)
        let handler = try #require(manifest.handler("h"))
        #expect(handler.blocking && handler.concurrency == 0 && handler.batchMax == nil && handler.configSchema == nil)
        #expect(handler.accepts.isEmpty && handler.emits.isEmpty)
    }

    @Test func `may have no handlers, and runtimes that this host does not know`() throws {
        let json = "{\(least.replacing("\"c\"", with: "\"zig\"")),\"handlers\":[]}"
        #expect(try Manifest(json: Array(json.utf8)).runtime.rawValue == "zig")
    }

    @Test func `is refused with every key that is missing`() {
        #expect(problems("{}") == ["/abi", "/name", "/version", "/runtime", "/handlers"])
        #expect(problems("[]") == [""])
        #expect(problems("") == [""])
        #expect(problems("{\(least),\"handlers\":[{}]}") == ["/handlers/0/id"])
    }

    @Test(arguments: [
        (#""requires":["x/1","x/1"]"#, "/requires"), (#""requires":"x/1""#, "/requires"),
        (#""requires":[1]"#, "/requires/0"), (#""runtimeVersion":6.3"#, "/runtimeVersion"),
        (#""capabilities":{"network":[1]}"#, "/capabilities/network/0"), (#""description":1"#, "/description"),
    ])
    func `is refused for a key of a wrong kind, by its place`(extra: String, pointer: String) {
        #expect(problems("{\(least),\"handlers\":[],\(extra)}") == [pointer])
    }

    @Test(arguments: [
        (#""id":"H""#, "id"), (#""id":"a.b""#, "id"), (#""id":"h","concurrency":1.5"#, "concurrency"),
        (#""id":"h","blocking":"yes""#, "blocking"), (#""id":"h","batch":{}"#, "batch/max"),
        (#""id":"h","batch":{"max":0}"#, "batch/max"), (#""id":"h","config":[]"#, "config"),
        (#""id":"h","accepts":[""]"#, "accepts/0"),
    ])
    func `is refused for a wrong key of a handler`(handler: String, key: String) {
        #expect(problems("{\(least),\"handlers\":[{\(handler)}]}") == ["/handlers/0/\(key)"])
    }

    @Test(arguments: [
        ("1.0.0", true), ("0.1.0-rc.1+build.5", true), ("1.0", false), ("01.0.0", false), ("1.0.0-", false),
        ("", false),
        ("1.0.0@2", false), ("v1.0.0", false),
    ])
    func `has a semantic version`(version: String, isValid: Bool) {
        let json = "{\(least.replacing("1.0.0", with: version)),\"handlers\":[]}"
        #expect(problems(json) == (isValid ? [] : ["/version"]))
    }
}
