import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Audit

/// The handler over a real folder, and the verifier over what it wrote.
@Suite struct VerifyTests {
    private let folder = TemporaryFolder()

    private func host(name: String = "audit", fileBytes: Int = 4096, anchorEvery: Int = 0) throws -> TestHost {
        try TestHost(
            Append.self,
            configuration: [
                "folder": .string(folder.path), "name": .string(name), "fileBytes": .integer(Int64(fileBytes)),
                "sync": "always", "syncMilliseconds": 1000, "anchorEvery": .integer(Int64(anchorEvery)),
            ])
    }

    private func event(_ number: Int) -> TestEvent {
        var event = TestEvent(type: "com.example.paid", json: ["n": .integer(Int64(number))])
        event.id = "\(number)"
        event.idempotencyKey = "audit.append /shop \(number)"
        return event
    }

    /// Writes so many lines, 4 KiB a file.
    private func fill(_ count: Int = 40) async throws {
        let host = try host()
        for number in 1...count {
            let report = try #require(await host.send(event(number)))
            #expect(report.outcome == .done)
        }
    }

    private func lines(_ file: String) throws -> [[UInt8]] {
        try folder.read(file).split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
    }

    @Test func `finds a log intact, and names its last line`() async throws {
        try await fill()
        let (text, status) = try folder.verify()
        #expect(status == 0)
        #expect(text.hasPrefix("intact: 40 lines, the last one "))
        #expect(try lines("audit-000002.jsonl").count > 5)
    }

    @Test func `keeps data as it came`() async throws {
        let host = try host()
        var odd = event(1)
        odd.data = Array("{ \"big\": 12345678901234567890.10,\n \"z\": 1e400, \"a\": \"\\u00e9\" }".utf8)
        odd.attributes = ["tenant": "a\"b"]
        #expect(await host.send(odd)?.outcome == .done)
        var text = event(2)
        text.data = Array("not json".utf8)
        #expect(await host.send(text)?.outcome == .done)
        var bytes = event(3)
        bytes.data = [0xFF, 0x00]
        #expect(await host.send(bytes)?.outcome == .done)
        let all = String(decoding: try folder.read("audit-000001.jsonl"), as: UTF8.self)
        #expect(all.contains(#""data":{ "big": 12345678901234567890.10,  "z": 1e400, "a": "\u00e9" },"datacontent"#))
        #expect(all.contains(#""tenant":"a\"b""#))
        #expect(all.contains(#""data":"not json""#))
        #expect(all.contains(#""data_base64":"/wA=""#))
        #expect(try folder.verify().status == 0)
    }

    @Test func `names the line that was changed`() async throws {
        try await fill()
        var bytes = try folder.read("audit-000002.jsonl")
        let third = try lines("audit-000002.jsonl").prefix(2).joined().count
        bytes[third + 20] ^= 1
        try folder.write(bytes, "audit-000002.jsonl")
        let (text, status) = try folder.verify()
        #expect(status == 1)
        #expect(text.contains("/audit-000002.jsonl:3: the line was changed"))
    }

    @Test func `names the place of a line that was removed, moved or written anew`() async throws {
        try await fill()
        let lines = try lines("audit-000001.jsonl")
        try folder.write(Array((lines[..<4] + lines[5...]).joined()), "audit-000001.jsonl")
        #expect(try folder.verify().text.contains("/audit-000001.jsonl:5: line 5 should be here, and 6 is"))
        try folder.write(Array((lines[..<4] + [lines[5], lines[4]] + lines[6...]).joined()), "audit-000001.jsonl")
        #expect(try folder.verify().text.contains("/audit-000001.jsonl:5: line 5 should be here, and 6 is"))
        let other = try AuditLine(
            body: #""event":{},"key":"k""#, key: "k", content: "{}", after: String(repeating: "1", count: 64),
            number: 5,
            time: 0)
        try folder.write(Array((lines[..<4] + [other.bytes] + lines[5...]).joined()), "audit-000001.jsonl")
        #expect(try folder.verify().text.contains("/audit-000001.jsonl:5: the line does not follow the one before"))
    }

    @Test func `names where last lines were removed, with or without their file`() async throws {
        try await fill()
        let lines = try lines("audit-000002.jsonl")
        try folder.write(Array(lines.dropLast(2).joined()), "audit-000002.jsonl")
        let cut = try folder.verify()
        #expect(cut.status == 1)
        let isLast = try lines.count + self.lines("audit-000001.jsonl").count == 40
        #expect(cut.text.contains(isLast ? "the last lines were removed" : "should be here"))
        try folder.remove("audit-000002.jsonl")
        let gone = try folder.verify()
        #expect(gone.status == 1)
        #expect(
            gone.text.contains("audit-000001.jsonl:") || gone.text.contains("audit-000002.jsonl: the file is missing"))
    }

    @Test func `sees removed last lines after the log has gone on`() async throws {
        try await fill(5)
        try folder.write(Array(try lines("audit-000001.jsonl").prefix(3).joined()), "audit-000001.jsonl")
        let host = try host()
        #expect(await host.send(event(9))?.outcome == .done)
        let (text, status) = try folder.verify()
        #expect(status == 1)
        #expect(text.contains("/audit-000001.jsonl:4: before this line others are missing, up to number 5"))
    }

    @Test(arguments: [(nil, "there was no head file"), ("{}", "could not be read"), ("[", "could not be read")])
    func `sees after the log has gone on that its head file was gone or unusable`(
        head: String?, words: String
    ) async throws {
        try await fill(5)
        if let head { try folder.write(Array(head.utf8), "audit.head") } else { try folder.remove("audit.head") }
        try folder.write(Array(try lines("audit-000001.jsonl").prefix(3).joined()), "audit-000001.jsonl")
        let host = try host()
        #expect(await host.send(event(9))?.outcome == .done)
        let (text, status) = try folder.verify()
        #expect(status == 1)
        #expect(text.contains("/audit-000001.jsonl:4: before this line last ones may be missing"))
        #expect(text.contains(words))
    }

    @Test(arguments: ["", "{}", "[]", #"{"seq":-1,"hash":"x"}"#, #"{"seq":null,"hash":"x"}"#, "\u{0}"])
    func `calls a log broken whose head file is unusable`(head: String) async throws {
        try await fill(3)
        try folder.write(Array(head.utf8), "audit.head")
        let (text, status) = try folder.verify()
        #expect(status == 1)
        #expect(text.contains("/audit.head: the head file cannot be read"))
    }

    @Test func `sees last lines written anew under an old head after the log has gone on`() async throws {
        try await fill(5)
        let head = try folder.read("audit.head")
        try folder.write(Array(try lines("audit-000001.jsonl").prefix(3).joined()), "audit-000001.jsonl")
        let third = try #require(try AuditLine(parsing: lines("audit-000001.jsonl")[2].dropLast()))
        try folder.write(
            Array("{\"seq\":3,\"hash\":\"\(third.hash)\"}".utf8), "audit.head")
        do {
            let forger = try host()
            for number in [14, 15] { #expect(await forger.send(event(number))?.outcome == .done) }
        }
        try folder.write(head, "audit.head")
        let host = try host()
        #expect(await host.send(event(9))?.outcome == .done)
        let (text, status) = try folder.verify()
        #expect(status == 1)
        #expect(text.contains("/audit-000001.jsonl:6: before this line lines were written anew"))
        #expect(text.contains("another line 5"))
    }

    @Test func `keeps to its own files beside a log whose name goes on`() async throws {
        let first = try host()
        let second = try host(name: "audit-eu")
        for number in 1...3 {
            #expect(await first.send(event(number))?.outcome == .done)
            #expect(await second.send(event(number))?.outcome == .done)
        }
        let again = try folder.verify("--name", "audit-eu")
        #expect(again.text.hasPrefix("intact: 3 lines"))
        let (text, status) = try folder.verify()
        #expect(status == 0)
        #expect(text.hasPrefix("intact: 3 lines"))
    }

    @Test func `goes on with its own file after a restart beside a log whose name goes on`() async throws {
        var numbers: [String: Int] = [:]
        for name in ["audit", "audit-eu", "audit", "audit-eu"] {
            let host = try host(name: name)
            numbers[name, default: 0] += 1
            #expect(await host.send(event(numbers[name] ?? 0))?.outcome == .done)
        }
        #expect(try folder.verify().text.hasPrefix("intact: 2 lines"))
        #expect(try folder.verify("--name", "audit-eu").text.hasPrefix("intact: 2 lines"))
    }

    @Test func `finds a log intact whose events have integers of thousands of digits`() async throws {
        let host = try host()
        var long = event(1)
        long.data = Array("{\"n\": -\(String(repeating: "9", count: 5_000))}".utf8)
        #expect(await host.send(long)?.outcome == .done)
        let (text, status) = try folder.verify()
        #expect(status == 0)
        #expect(text.hasPrefix("intact: 1 lines"))
    }

    @Test func `emits the anchor again when the call of a line is repeated`() async throws {
        let host = try host(anchorEvery: 2)
        for number in 1...2 { #expect(await host.send(event(number))?.outcome == .done) }
        let repeated = try #require(await host.send(event(2)))
        #expect(repeated.emitted.count == 1)
        #expect(try JSON(parsing: repeated.emitted[0].data)["seq"] == 2)
        #expect(try lines("audit-000001.jsonl").count == 2)
    }

    @Test func `names a file that is missing, and one that is cut`() async throws {
        try await fill()
        let second = try folder.read("audit-000002.jsonl")
        try folder.write(second.dropLast(10), "audit-000002.jsonl")
        #expect(try folder.verify().text.contains("the line is cut, after "))
        try folder.remove("audit-000001.jsonl")
        #expect(try folder.verify().text.contains("/audit-000001.jsonl: the file is missing"))
    }

    /// Appends so many events, and returns the anchors of every second one.
    private func anchored(_ count: Int) async throws -> [JSON] {
        let host = try host(anchorEvery: 2)
        var anchors: [JSON] = []
        for number in 1...count {
            let report = try #require(await host.send(event(number)))
            for draft in report.emitted {
                #expect(draft.type == "com.patchbay.audit.anchored")
                anchors.append(try JSON(parsing: draft.data))
            }
        }
        return anchors
    }

    @Test func `sees a log that was written anew, by an anchor that was kept elsewhere`() async throws {
        let anchors = try await anchored(5)
        #expect(anchors.map { $0["seq"] } == [2, 4])
        let anchor = "\(try #require(anchors[1]["seq"])):\(try #require(anchors[1]["hash"]?.string))"
        #expect(try folder.verify("--expect", anchor).status == 0)
        try folder.remove("audit-000001.jsonl")
        try folder.remove("audit.head")
        let forged = AuditLog(
            AuditFolder(path: folder.path, name: "audit"), name: "audit", fileBytes: 4096, sync: .always)
        _ = try forged.append((1...5).map { entry($0) })
        #expect(try folder.verify().status == 0)
        let seen = try folder.verify("--expect", anchor)
        #expect(seen.status == 1)
        #expect(seen.text.contains("/audit-000001.jsonl:4: --expect knows another line 4"))
    }

    @Test func `reports an event that is in the log twice`() async throws {
        let log = AuditLog(AuditFolder(path: folder.path, name: "audit"), name: "audit", fileBytes: 4096, sync: .always)
        _ = try log.append([entry(1), entry(2), entry(1, text: "other")])
        let (text, status) = try folder.verify()
        #expect(status == 0)
        #expect(text.contains("/audit-000001.jsonl:3: a duplicate: its event is in "))
    }

    @Test func `has one writer at a time`() async throws {
        let first = try host()
        #expect(await first.send(event(1))?.outcome == .done)
        let second = try host()
        let report = try #require(await second.send(event(2)))
        #expect(report.outcome == .retry)
        #expect(report.reason.hasPrefix("locked: "))
    }

    @Test func `takes a batch with one sync`() async throws {
        let host = try host()
        let reports = await host.send(batch: (1...10).map(event))
        #expect(reports.allSatisfy { $0?.outcome == .done })
        let (text, status) = try folder.verify()
        #expect(status == 0)
        #expect(text.hasPrefix("intact: 10 lines"))
    }

    @Test func `says which folder cannot be written`() async throws {
        let host = try TestHost(
            Append.self,
            configuration: [
                "folder": "/proc/none/audit", "name": "audit", "fileBytes": 4096, "sync": "always",
                "syncMilliseconds": 1, "anchorEvery": 0,
            ])
        let report = try #require(await host.send(event(1)))
        #expect(report.outcome == .retry)
        #expect(report.reason.hasPrefix("io: cannot make /proc/none/audit: "))
    }
}
