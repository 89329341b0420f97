import Foundation
import Testing

/// `patchbay send` against a running host.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineSendTests {
    private func withHost(_ body: (CommandLineBench) throws -> Void) throws -> CommandLineBench.Result {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        let host = try bench.host()
        defer { host.signal(SIGKILL) }
        try body(bench)
        host.signal(SIGTERM)
        return host.end()
    }

    @Test func `sends events of every form and names what is refused with its line`() throws {
        let hello = CommandLineSamples.event
        let ended = try withHost { bench in
            let one = try bench.run(
                "send", "-c", "host.yaml", "--type", "com.example.hello", "--id", "my-id", "--subject", "Ada", "--data",
                #"{"n": 2}"#, "--extension", "region=eu")
            #expect(one.status == 0 && one.output == "accepted com.example.hello, id my-id\n", "\(one)")

            try bench.write(
                hello("1", "com.example.hello", "{}") + "\nno json\n" + hello("2", "com.example.hello", "{}"),
                to: "e.jsonl")
            let lines = try bench.run("send", "-c", "host.yaml", "-f", "e.jsonl")
            #expect(lines.status == 1 && lines.output == "2 accepted, 1 refused\n", "\(lines)")
            #expect(lines.errors.contains("e.jsonl:3: refused: not JSON"), "\(lines)")

            let pretty = """
                {"specversion": "1.0", "id": "3",
                 "source": "/t", "type": "com.example.hello"}
                {"specversion": "1.0", "id": "",
                 "source": "/t", "type": "com.example.hello"}

                """
            let document = try bench.run("send", "-c", "host.yaml", "-f", "-", input: pretty)
            #expect(document.status == 1 && document.output == "1 accepted, 1 refused\n", "\(document)")
            #expect(document.errors.contains("standard input:3: refused: \"id\" is empty"), "\(document)")

            let array =
                "[" + hello("4", "com.example.hello", "[1]") + ", " + hello("5", "com.example.hello", #""a,]""#) + "]"
            let batch = try bench.run("send", "-c", "host.yaml", "-f", "-", "--json", input: array)
            #expect(batch.output == #"{"accepted":2,"refused":0,"errors":[]}"# + "\n", "\(batch)")

            let text = try bench.run(
                "send", "--socket", "host.sock", "--type", "com.example.hello", "--data-file", "-", "--content-type",
                "text/plain", "--quiet", input: "not JSON")
            #expect(text.status == 0 && text.output.isEmpty && text.errors.isEmpty, "\(text)")
        }
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.errors.contains("9 received = 7 accepted + 2 refused"), "\(ended)")
    }

    @Test func `says what to do when no host listens`() throws {
        let result = try CommandLineBench().run("send", "--type", "com.example.hello")
        #expect(result.status == 1 && result.output.isEmpty, "\(result)")
        #expect(result.errors.contains("no host listens at ./patchbay.sock"), "\(result)")
        #expect(result.errors.contains("-c FILE"), "\(result)")
    }

    @Test func `says so when a configuration has no socket`() throws {
        let bench = try CommandLineBench()
        try bench.write("apiVersion: patchbay/v1\n", to: "no.yaml")
        let result = try bench.run("send", "-c", "no.yaml", "--type", "com.example.hello")
        #expect(result.status == 2 && result.errors.contains("type: socket"), "\(result)")
    }

    @Test(arguments: [
        ([], "say what to send"), (["--data", "1"], "--data needs --type"),
        (["--type", "a", "-f", "x"], "give one of them"), (["--type", "a", "--data", "{x"], "not JSON at byte 1"),
        (["--type", "a", "--extension", "Big=1"], "only a-z and 0-9"),
        (["--type", "a", "--extension", "id=1"], "'id'"),
        (["--type", ""], "\"type\" is empty"), (["-f", "none.jsonl"], "none.jsonl cannot be opened"),
        (["--type", "a", "--content-type", "text/plain"], "no meaning without --data"),
        (["--type", "a", "-c", "x", "--socket", "y"], "not both"),
    ])
    func `refuses wrong usage with 2`(arguments: [String], message: String) throws {
        let bench = try CommandLineBench()
        let result = try bench.start(["send"] + arguments).end()
        #expect(result.status == 2 && result.errors.contains(message), "\(result)")
    }
}
