import Foundation
import Testing

/// `patchbay stream`, as a user calls it.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct `the stream command` {
    private func bench() throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write("apiVersion: patchbay/v1\nlog: {backend: file, path: ./data}\n", to: "patchbay.yaml")
        return bench
    }

    private func stream(
        _ bench: CommandLineBench, _ arguments: String..., input: String = ""
    ) throws -> CommandLineBench.Result {
        try bench.start(["stream"] + arguments, input: input).end(within: 60)
    }

    private func lines(_ result: CommandLineBench.Result) throws -> [[String: Any]] {
        try result.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any], "\(result)")
        }
    }

    @Test(arguments: [
        "", "append", "read", "list", "truncate", "delete", "snapshot", "follow", "subscriptions", "unsubscribe",
    ])
    func `shows help with examples`(command: String) throws {
        let result = try bench().start(["stream", command, "--help"].filter { !$0.isEmpty }).end()
        #expect(result.status == 0 && result.output.contains("EXAMPLES\n  patchbay stream \(command)"), "\(result)")
    }

    @Test func `appends at the expected revision, and says the actual one where that is another`() throws {
        let bench = try bench()
        let event = CommandLineSamples.event
        let first = try stream(
            bench, "append", "order-7", "-f", "-", "--expect", "none",
            input: event("1", "t", "{}") + event("2", "t", "[1]"))
        #expect(first.status == 0 && first.output == "order-7: revisions 0 to 1\n", "\(first)")
        let wrong = try stream(
            bench, "append", "order-7", "--type", "t", "--id", "3", "--expect", "0")
        #expect(wrong.status == 3 && wrong.errors.contains("is at revision 1"), "\(wrong)")
        let json = try stream(bench, "append", "order-7", "--type", "t", "--id", "3", "--expect", "1", "--json")
        #expect(try lines(json)[0]["first"] as? Int == 2 && lines(json)[0]["repeated"] as? Bool == false)
        let again = try stream(bench, "append", "order-7", "--type", "t", "--id", "3", "--expect", "1", "--json")
        #expect(try lines(again)[0]["first"] as? Int == 2 && lines(again)[0]["repeated"] as? Bool == true)
        let list = try stream(bench, "list", "--folder", "data")
        #expect(list.status == 0 && list.output.contains("order-7") && list.output.contains("0–2"), "\(list)")
        #expect(try bench.run("log", "verify", "data").status == 0)
        let dump = try bench.run("log", "dump", "data", "--json").output
        #expect(dump.contains(#""kind":"stream""#) && dump.contains(#""name":"order-7""#), "\(dump)")
    }

    @Test func `reads by revision, type and correlation, and as of a time`() throws {
        let bench = try bench()
        for number in 0..<4 {
            let result = try stream(
                bench, "append", number == 3 ? "other" : "order", "--type", number == 1 ? "a.paid" : "a.placed",
                "--id", "e\(number)", "--data", "{\"n\":\(number)}", "--extension", "correlationid=c\(number % 2)")
            #expect(result.status == 0, "\(result)")
        }
        func ids(_ arguments: [String]) throws -> [String] {
            let result = try bench.start(["stream", "read", "--json"] + arguments).end(within: 60)
            #expect(result.status == 0, "\(result)")
            return try lines(result).map { (($0["event"] as? [String: Any])?["id"] as? String) ?? "" }
        }
        #expect(try ids(["order"]) == ["e0", "e1", "e2"])
        #expect(try ids(["order", "--from", "1"]) == ["e1", "e2"])
        #expect(try ids(["order", "--backward", "--limit", "2"]) == ["e2", "e1"])
        #expect(try ids(["--type", "*.placed"]) == ["e0", "e2", "e3"])
        #expect(try ids(["--correlation", "c1"]) == ["e1", "e3"])
        let all = try lines(try stream(bench, "read", "--json"))
        let time = try #require(all[1]["appended"] as? String)
        #expect(try ids(["order", "--as-of", time]) == ["e0", "e1"])
        #expect(try ids(["order", "--since", time]) == ["e1", "e2"])
        let text = try stream(bench, "read", "order", "--limit", "1")
        #expect(text.output.hasPrefix("0 ") && text.output.contains(#"a.placed e0 {"n":0}"#), "\(text)")
        let missing = try stream(bench, "read", "nothing")
        #expect(missing.status == 3 && missing.errors.contains("there is no stream 'nothing'"), "\(missing)")
    }

    @Test func `truncates, keeps snapshots byte by byte, and deletes`() throws {
        let bench = try bench()
        for number in 0..<3 { _ = try stream(bench, "append", "s", "--type", "t", "--id", "\(number)") }
        try bench.write("state \u{0}\u{1}", to: "state.bin")
        #expect(try stream(bench, "snapshot", "s", "--put", "state.bin", "--revision", "1").status == 0)
        #expect(try stream(bench, "truncate", "s", "--before", "2").output == "s: begins now with 2\n")
        #expect(try stream(bench, "snapshot", "s").output == "state \u{0}\u{1}")
        #expect(try stream(bench, "snapshot", "s", "--at", "0").status == 3)
        #expect(try lines(stream(bench, "read", "s", "--json")).map { $0["revision"] as? Int } == [2])
        #expect(try stream(bench, "delete", "s", "--expect", "1").status == 3)
        #expect(try stream(bench, "delete", "s").status == 0)
        let gone = try stream(bench, "append", "s", "--type", "t")
        #expect(gone.status == 3 && gone.errors.contains("deleted"), "\(gone)")
        #expect(try stream(bench, "list").output.contains("deleted"))
    }

    @Test func `a subscription goes on where the last follower of its name ended`() throws {
        let bench = try bench()
        for number in 0..<3 { _ = try stream(bench, "append", "s", "--type", "t", "--id", "e\(number)") }
        func follow(_ arguments: String...) throws -> CommandLineBench.Result {
            try bench.start(["stream", "follow", "--once", "--json", "--subscription"] + arguments).end(within: 60)
        }
        #expect(try lines(follow("mailer", "s")).map { $0["revision"] as? Int } == [0, 1, 2])
        #expect(try follow("mailer", "s").output.isEmpty)
        _ = try stream(bench, "append", "s", "--type", "t", "--id", "e3")
        _ = try stream(bench, "append", "other", "--type", "t", "--id", "e4")
        #expect(try lines(follow("mailer", "s")).map { $0["revision"] as? Int } == [3])
        #expect(try lines(follow("all")).map { $0["number"] as? Int } == [0, 1, 2, 3, 4])
        let wrong = try follow("mailer", "other")
        #expect(wrong.status == 2 && wrong.errors.contains("'mailer' is of stream 's'"), "\(wrong)")
    }

    @Test func `a follower that is killed prints what it did not record again, and leaves nothing out`() throws {
        let bench = try bench()
        for number in 0..<3 { _ = try stream(bench, "append", "s", "--type", "t", "--id", "e\(number)") }
        let follower = try bench.start(["stream", "follow", "s", "--json", "--subscription", "mailer"])
        func recorded() throws -> Bool {
            let dump = try bench.run("log", "dump", "data", "--json").output
            return dump.contains(#""change":"subscription""#)
        }
        var isRecorded = false
        #expect(CommandLineBench.wait(60) { (try? isRecorded = recorded()) != nil && isRecorded })
        follower.signal(SIGKILL)
        let first = follower.end(within: 60)
        #expect(try lines(first).map { $0["revision"] as? Int } == [0, 1, 2])
        _ = try stream(bench, "append", "s", "--type", "t", "--id", "e3")
        let next = try bench.start(["stream", "follow", "s", "--json", "--once", "--subscription", "mailer"]).end(
            within: 60)
        #expect(try lines(next).map { $0["revision"] as? Int } == [3])
    }
}
