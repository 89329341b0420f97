import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayRuntime

/// `patchbay explain`.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show which routes take an event, why, and under which policies.",
        discussion: """
            Reads events as a run would and delivers none of them. For every route it names what decided: + takes \
            the event, - does not, ! could not be evaluated. Policies come with the file and line that set them.

            EXIT CODES
              0  every event was explained, whether a route takes it or not
              1  an event is invalid: a run would refuse it
              2  wrong usage or configuration

            EXAMPLES
              patchbay explain event.json -c patchbay.yaml
              head -1 events.jsonl | patchbay explain - -c patchbay.yaml
              patchbay explain events.jsonl -c patchbay.yaml --json
            """)

    @Argument(help: "A file of CloudEvents as JSON, one or more, - is standard input.")
    var event: String

    @OptionGroup var source: ConfigurationOptions

    @Flag(help: "Print a line of JSON for each event.")
    var json = false

    func run() throws {
        let text: [UInt8]
        do {
            text = try InputFile(event).rest()
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
        let (_, blueprint) = try source.blueprint()
        let explainer = Explainer(blueprint)
        let report = ExplanationReport(blueprint, style: Style(for: STDOUT_FILENO))
        let pieces = EventPieces.pieces(of: text)
        let name = event == "-" ? "standard input" : event
        guard !pieces.isEmpty else { throw Output.failure("\(name) holds no event", code: 1) }
        var isWrong = false
        for (index, piece) in pieces.enumerated() {
            do {
                let explanation = try explainer.explain(text[piece.range])
                if json {
                    Output.json(report.value(explanation, line: piece.line))
                } else {
                    Output.line((index > 0 ? "\n" : "") + report.text(explanation))
                }
            } catch {
                isWrong = true
                Output.error(
                    "\(name):\(piece.line): \(Style(for: STDERR_FILENO).red("refused:")) \(error.message.printable)")
            }
        }
        if isWrong { throw ExitCode(1) }
    }
}
