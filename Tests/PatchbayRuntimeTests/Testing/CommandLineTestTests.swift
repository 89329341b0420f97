import Foundation
import FoundationXML
import Testing

/// `patchbay test` as a user calls it.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct `the test command` {
    private let bench: CommandLineBench

    init() throws {
        bench = try CommandLineBench()
        try bench.write(Tested.shop, to: "patchbay.yaml")
        try bench.write(
            """
            tests:
              - name: jitter
                send: {type: jittery, every: 1s, times: 20}
                inject: {handler: jittery.do, fail: [{outcome: transient, times: 40}], emits: {type: x}}
                expect: {delays: 0s}
              - {name: routes <&>, send: {type: order.paid}, expect: {route: orders}}
            """, to: "shop.test.yaml")
    }

    private func run(_ arguments: String...) throws -> CommandLineBench.Result {
        try bench.start(["test"] + arguments).end(within: 60)
    }

    @Test func `the same tests give the same bytes in every process`() throws {
        var reports: Set<String> = []
        for number in 1...3 {
            let text = try run("--junit", "\(number).xml")
            let json = try run("--json")
            #expect(text.status == 1 && json.status == 1, "\(text)")
            reports.insert(text.output + json.output + bench.read("\(number).xml"))
        }
        #expect(reports.count == 1)
        #expect(try run("--seed", "2").output != run("--seed", "3").output)
    }

    @Test func `exit codes tell passed, failed and wrong usage apart`() throws {
        #expect(try run("--filter", "routes").status == 0)
        #expect(try run("--filter", "jitter").status == 1)
        #expect(try run("--filter", "nothing").status == 2)
        #expect(try run("missing.test.yaml").status == 2)
        #expect(try run("patchbay.yaml").status == 2, "it has no tests")
        let listed = try run("--list")
        #expect(listed.status == 0 && listed.output == "shop.test.yaml:2: jitter\nshop.test.yaml:6: routes <&>\n")
    }

    @Test func `JUnit's file is XML with the failures and their places`() throws {
        _ = try run("--junit", "report.xml")
        let document = try XMLCases(bench.read("report.xml"))
        #expect(document.names == ["jitter", "routes <&>"])
        #expect(document.failures.count == 5 && document.failures[0].contains("shop.test.yaml:5:22"))
    }

    @Test func `errors of all files come at once, with their places`() throws {
        try bench.write(
            "tests:\n  - {name: a, send: {type: x, evry: 1s}, expect: {rout: x}}\n", to: "a.test.yaml")
        try bench.write(
            "config: none.yaml\ntests: [{name: a, send: {type: x}, expect: {attempts: 1}}]\n", to: "b.test.yaml")
        let result = try run(".")
        #expect(result.status == 2 && result.output.isEmpty)
        for place in ["a.test.yaml:2:31: ", "a.test.yaml:2:51: ", "b.test.yaml:1:9: "] {
            #expect(result.errors.contains(place), "\(result)")
        }
    }
}

/// The cases of a report.
private final class XMLCases: NSObject, XMLParserDelegate {
    private(set) var names: [String] = []
    private(set) var failures: [String] = []

    init(_ text: String) throws {
        super.init()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = self
        try #require(parser.parse(), "\(text)")
    }

    func parser(
        _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        if element == "testcase" { names.append(attributes["name"] ?? "") }
        if element == "failure" { failures.append(attributes["message"] ?? "") }
    }
}
