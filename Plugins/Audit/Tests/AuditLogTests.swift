import HandlerTestKit
import PatchbaySDK
import Synchronization
import Testing

@testable import Audit

@Suite struct AuditLogTests {
    private func log(
        _ disk: MemoryDisk, fileBytes: Int = 1 << 20, sync: AuditLog.Sync = .always, tailBytesMax: Int = 1 << 20
    ) -> AuditLog {
        AuditLog(
            disk, name: "audit", fileBytes: fileBytes, sync: sync, tailBytesMax: tailBytesMax,
            now: { 1_772_442_001_000_000_000 })
    }

    /// The notice in a line.
    private func notice(_ line: AuditLine) throws -> JSON? { try JSON(parsing: line.bytes.dropLast())["notice"] }

    @Test func `chains lines by the SHA-256 of what is before the hash`() throws {
        let disk = MemoryDisk()
        let anchors = try log(disk).append([entry(1), entry(2)])
        let lines = try #require(try chain(disk.content))
        #expect(anchors.map(\.number) == [1, 2])
        #expect(anchors.map(\.hash) == lines.map(\.hash))
        #expect(
            String(decoding: lines[0].bytes.dropLast(76), as: UTF8.self)
                == #"{"event":{"data":{"n":1,"text":"x"},"id":"1"},"key":"audit.append /shop 1","prev":""#
                + AuditLine.origin + #"","seq":1,"time":"2026-03-02T09:00:01Z""#)
    }

    @Test func `goes on across files, which stay below their size`() throws {
        let disk = MemoryDisk()
        let log = log(disk, fileBytes: 1000)
        for number in 1...20 { _ = try log.append([entry(number)]) }
        _ = try log.append((21...30).map { entry($0) })
        _ = try log.append([entry(31, text: String(repeating: "long", count: 1000))])
        let files = disk.state.withLock { $0.files }
        #expect(files.count > 9)
        #expect(files.keys.sorted().first == "audit-000001.jsonl")
        for (file, bytes) in files where file != files.keys.max() { #expect(bytes.count <= 1000 && !bytes.isEmpty) }
        #expect(try #require(try chain(disk.content)).count == 31)
    }

    @Test func `goes on after a restart, and knows what it has already`() throws {
        let disk = MemoryDisk()
        _ = try log(disk, fileBytes: 700).append((1...6).map { entry($0) })
        let before = disk.content
        let again = log(disk, fileBytes: 700)
        let anchors = try again.append([entry(6), entry(5), entry(7)])
        #expect(anchors.map(\.number) == [6, 5, 7])
        let lines = try #require(try chain(disk.content))
        #expect(lines.count == 7)
        #expect(disk.content.starts(with: before))
    }

    @Test func `keeps another event under a known key, and says whose key it is`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append([entry(1), entry(1, text: "other")])
        let lines = try #require(try chain(disk.content))
        #expect(lines.count == 2)
        #expect(try JSON(parsing: lines[1].bytes.dropLast())["again"] == 1)
    }

    @Test func `repairs a torn line wherever it was cut, and notes it`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append([entry(1)])
        let head = disk.state.withLock { $0.head }
        _ = try log(disk).append([entry(2)])
        let whole = disk.content
        let lines = try #require(try chain(whole))
        let first = lines[0].bytes.count
        for cut in (first + 1)..<whole.count {
            let torn = MemoryDisk()
            torn.state.withLock { state in
                state.files["audit-000001.jsonl"] = Array(whole.prefix(cut))
                state.head = head
            }
            _ = try log(torn).append([entry(2)])
            let repaired = try #require(try chain(torn.content))
            #expect(repaired.count == 3, "cut at \(cut)")
            let notice = try JSON(parsing: Array(repaired[1].bytes.dropLast()))["notice"]
            #expect(notice?["kind"] == "torn")
            #expect(notice?["bytes"]?.integer == Int64(cut - first), "cut at \(cut)")
            #expect(repaired[2].key == entry(2).key)
        }
    }

    @Test func `notes lines that the head knows and the files lack`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append((1...5).map { entry($0) })
        let lines = try #require(try chain(disk.content))
        disk.state.withLock { $0.files["audit-000001.jsonl"] = lines.prefix(3).flatMap(\.bytes) }
        _ = try log(disk).append([entry(9)])
        let after = try #require(try chain(disk.content))
        let notice = try JSON(parsing: Array(after[3].bytes.dropLast()))["notice"]
        #expect(notice == ["kind": "missing", "last": 5, "hash": .string(lines[4].hash)])
    }

    @Test(arguments: [
        (nil, "headMissing"), ("", "headUnreadable"), ("{}", "headUnreadable"), ("nonsense", "headUnreadable"),
        (#"{"seq":"5","hash":"x"}"#, "headUnreadable"), (#"{"seq":5}"#, "headUnreadable"),
    ])
    func `notes a head file that is gone or says nothing`(head: String?, kind: String) throws {
        let disk = MemoryDisk()
        _ = try log(disk).append((1...5).map { entry($0) })
        disk.state.withLock { $0.head = head.map { Array($0.utf8) } }
        _ = try log(disk).append([entry(6)])
        _ = try log(disk).append([entry(7)])
        let lines = try #require(try chain(disk.content))
        #expect(try lines.map { try notice($0)?["kind"]?.string } == [nil, nil, nil, nil, nil, kind, nil, nil])
    }

    /// The head file knows the last line, or one before; what is read of the end is all, or one line.
    @Test(arguments: [5, 4], [1 << 20, 64])
    func `notes last lines that were written anew under an old head`(known: Int, tailBytesMax: Int) throws {
        let disk = MemoryDisk()
        _ = try log(disk).append((1...known).map { entry($0) })
        let head = disk.state.withLock { $0.head }
        if known < 5 { _ = try log(disk).append([entry(5)]) }
        var lines = try #require(try chain(disk.content))
        let old = lines[known - 1].hash
        lines.removeLast(2)
        for number in 4...5 {
            let forged = entry(number, text: "forged")
            lines.append(
                try AuditLine(
                    body: "\"event\":\(forged.text),\"key\":\(JSON.string(forged.key))", key: forged.key,
                    content: forged.text, after: lines.last?.hash ?? "", number: UInt64(number), time: 0))
        }
        disk.state.withLock { state in
            state.files["audit-000001.jsonl"] = lines.flatMap(\.bytes)
            state.head = head
        }
        _ = try log(disk, tailBytesMax: tailBytesMax).append([entry(6)])
        let after = try #require(try chain(disk.content))
        #expect(
            try notice(after[5]) == ["kind": "rewritten", "seq": .integer(Int64(known)), "hash": .string(old)])
        #expect(after.count == 7)
    }

    @Test func `notes lines that are missing although the last one is torn`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append((1...5).map { entry($0) })
        let lines = try #require(try chain(disk.content))
        let left = lines.prefix(4).flatMap(\.bytes).dropLast(9)
        disk.state.withLock { $0.files["audit-000001.jsonl"] = Array(left) }
        _ = try log(disk).append([entry(6)])
        let after = try #require(try chain(disk.content))
        #expect(try after.map { try notice($0)?["kind"]?.string } == [nil, nil, nil, "torn", "missing", nil])
    }

    /// With the large one last, before a torn line, and before a file that is still empty.
    @Test(arguments: ["", "{\"torn", "file"])
    func `goes on behind an event that is larger than what is read of the end`(rest: String) throws {
        let disk = MemoryDisk()
        _ = try log(disk).append([entry(1), entry(2, text: String(repeating: "large", count: 2_000))])
        disk.state.withLock { state in
            if rest == "file" {
                state.files["audit-000002.jsonl"] = []
            } else {
                state.files["audit-000001.jsonl"]? += Array(rest.utf8)
            }
        }
        _ = try log(disk, tailBytesMax: 512).append([entry(3)])
        let lines = try #require(try chain(disk.content))
        #expect(lines.map(\.key).filter { !$0.isEmpty } == [1, 2, 3].map { entry($0).key })
        #expect(try lines.compactMap { try notice($0)?["kind"]?.string } == (rest == "{\"torn" ? ["torn"] : []))
    }

    @Test func `does not go on from a changed line that an empty file follows`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append([entry(1), entry(2)])
        disk.state.withLock { state in
            let count = state.files["audit-000001.jsonl"]?.count ?? 0
            state.files["audit-000001.jsonl"]?[count - 100] ^= 1
            state.files["audit-000002.jsonl"] = []
        }
        #expect(throws: AuditError.self) { try log(disk).append([entry(3)]) }
    }

    @Test func `gives a line that is repeated the same anchor, also after a restart`() throws {
        let disk = MemoryDisk()
        let log = log(disk)
        let anchors = try log.append([entry(1), entry(2)])
        #expect(try log.append([entry(1), entry(2)]) == anchors)
        #expect(try self.log(disk).append([entry(2)]) == [anchors[1]])
    }

    @Test func `finishes the last interval when the log is let go, and at a repeat`() throws {
        let disk = MemoryDisk()
        let time = Mutex(UInt64(1_772_442_001_000_000_000))
        func durable() throws -> (lines: Int?, head: Int64?) {
            let (bytes, head) = disk.state.withLock { ($0.durable["audit-000001.jsonl"] ?? [], $0.durableHead) }
            return (try chain(bytes)?.count, try JSON(parsing: head ?? [])["seq"]?.integer)
        }
        do {
            let log = AuditLog(
                disk, name: "audit", fileBytes: 1 << 20, sync: .interval(1_000_000_000), now: { time.withLock { $0 } })
            _ = try log.append([entry(1)])
            _ = try log.append([entry(2)])
            #expect(try durable() == (1, 1))
            time.withLock { $0 += 1_000_000_000 }
            _ = try log.append([entry(2)])
            #expect(try durable() == (2, 2))
            _ = try log.append([entry(3)])
            #expect(try durable() == (2, 2))
        }
        #expect(try durable() == (3, 3))
    }

    @Test func `does not go on from a last line that was changed`() throws {
        let disk = MemoryDisk()
        _ = try log(disk).append([entry(1), entry(2)])
        disk.state.withLock { $0.files["audit-000001.jsonl"]?[10] ^= 1 }
        _ = try log(disk).append([entry(3)])
        disk.state.withLock { state in
            let count = state.files["audit-000001.jsonl"]?.count ?? 0
            state.files["audit-000001.jsonl"]?[count - 100] ^= 1
        }
        #expect(throws: AuditError.self) { try log(disk).append([entry(4)]) }
    }

    @Test(arguments: [AuditLog.Sync.always, .interval(0), .never])
    func `keeps a chain whatever operation fails, then the next one`(sync: AuditLog.Sync) throws {
        for failing in 1...60 {
            for both in [false, true] {
                let disk = MemoryDisk()
                disk.state.withLock { $0.failing = both ? [failing, failing + 1] : [failing] }
                let log = log(disk, fileBytes: 900, sync: sync)
                var kept: [String] = []
                for number in stride(from: 1, through: 12, by: 3) {
                    let entries = (number..<number + 3).map { entry($0) }
                    for _ in 0..<4 {
                        do {
                            _ = try log.append(entries)
                            kept += entries.map(\.key)
                            break
                        } catch { #expect(error.code == .io) }
                    }
                }
                let lines = try #require(try chain(disk.content), "operation \(failing)")
                let keys = lines.map(\.key).filter { !$0.isEmpty }
                #expect(keys == kept, "operation \(failing)")
                #expect(keys.count == 12, "operation \(failing)")
                // What a single failure left half written was taken back, so that nothing was torn.
                if !both { #expect(lines.count == 12, "operation \(failing)") }
            }
        }
    }

    @Test func `loses nothing that was done when the power fails, and stays a chain`() throws {
        for seed in UInt64(1)...300 {
            var random = Seeded(seed)
            let disk = MemoryDisk()
            var done: [String] = []
            var number = 0
            for _ in 0..<4 {
                let log = log(disk, fileBytes: 1200)
                for _ in 0..<Int.random(in: 1...5, using: &random) {
                    let entries = (0..<Int.random(in: 1...4, using: &random)).map { entry(number + $0) }
                    let operations = disk.state.withLock { $0.operations }
                    if Int.random(in: 0..<3, using: &random) == 0 {
                        disk.state.withLock { $0.failing = [operations + Int.random(in: 1...4, using: &random)] }
                    }
                    do {
                        _ = try log.append(entries)
                        done += entries.map(\.key)
                        number += entries.count
                    } catch {
                        // As by the host: the same entries come again.
                    }
                }
                disk.failPower(keeping: Int.random(in: 0...400, using: &random))
            }
            disk.state.withLock { $0.failing = [] }
            _ = try log(disk).append([entry(number + 1000)])
            let lines = try #require(try chain(disk.content), "seed \(seed)")
            let keys = lines.map(\.key)
            for key in done { #expect(keys.contains(key), "seed \(seed)") }
            let notices = try lines.compactMap {
                try JSON(parsing: Array($0.bytes.dropLast()))["notice"]?["kind"]?.string
            }
            #expect(!notices.contains("missing"), "seed \(seed)")
        }
    }
}
