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
            the event, - does not, ! could not be evaluated. Of an expression it names the smallest part that \
            decided, with the values that this part read. Policies come with the file and line that set them.

            With --stored it reads the log of the configuration (log.backend: file) without its lock, so it works \
            with no host as well as beside a running one: when the event was accepted, the deliveries that were \
            decided then, each failed attempt, how each delivery ended or when it goes on, and where today's \
            configuration would decide differently. Attempts that were not charged (a handler that was busy) and \
            waits for breakers, permits and rate limits are not in the log.

            JSON, a line an event; keys that have no value are left out:
              line, id, source
              routing         {type, unmatched, deliveries, routes: [{name, order, verdict, after, wouldMatch, final,
                              priority, checks: [{place, expected, actual, outcome, reason,
                              decided: {expression, outcome, operands: [{expression, value}]}}],
                              orderingKey, rateLimitKey: {expression, value}, transform: {event} or {error},
                              targets: [{handler, lane, duplicate, givenBy, conditions: as checks,
                              oneOf: [{handler, weight}], chosenBy}]}]}
                              verdict: matched, notMatched, failed, notTried; outcome: holds, doesNotHold, failed
              delivers        [{handler, lane, route, at, priority, policies: {KIND: {name, about, from}}}]
              unmatched       what becomes of an event that no route takes
            With --stored instead:
              id, source, type, position, receivedAt, acceptedAt, trace, log: {path, process}
              deliveries      [{handler, route, redriven, state, attempts, dueAt, deadLetter,
                              history: [{what, at, ...}]}]
                              state: waiting, retrying, halted, done, skipped, dead, closed
                              what: failed {attempt, startedAt, milliseconds, class, code, reason, next, dueAt,
                              delayMilliseconds}, done and skipped {attempts}, dead {letter, class, reason},
                              redrive, purge, edit {letter, who, target}
              today           {same, changes: [{change, handler, route, before}], explanation: as above} or {refused}
                              change: gone, added, moved

            EXIT CODES
              0  every event was explained, whether a route takes it or not
              1  an event is invalid: a run would refuse it; or the log does not have it
              2  wrong usage or configuration, or the log cannot be read

            EXAMPLES
              patchbay explain event.json -c patchbay.yaml
              head -1 events.jsonl | patchbay explain - -c patchbay.yaml
              patchbay explain --type com.example.order.paid --data '{"total": 20}'
              patchbay explain events.jsonl -c patchbay.yaml --json
              patchbay explain --stored 4711 --source /shop -c patchbay.yaml
            """)

    @Argument(help: "A file of CloudEvents as JSON, one or more, - is standard input.", completion: .events)
    var event: String?

    @Option(help: ArgumentHelp("An event of the log instead; --source tells it from others.", valueName: "id"))
    var stored: String?

    @OptionGroup(title: "One event") var options: EventOptions

    @OptionGroup var source: ConfigurationOptions

    @Flag(help: "Print a line of JSON for each event.")
    var json = false

    func validate() throws {
        let given = [("EVENT", event != nil), ("--type", options.type != nil), ("--stored", stored != nil)]
            .filter(\.1).map(\.0)
        guard !given.isEmpty else {
            throw ValidationError("say which event: a file, - for standard input, --type, or --stored")
        }
        guard given.count == 1 else {
            throw ValidationError("give only one of \(given.joined(separator: " and "))")
        }
        let others = options.others.filter { stored == nil || $0 != "--source" }
        if options.type == nil, let other = others.first {
            throw ValidationError("\(other) belongs to --type, an event that is written on the command line")
        }
    }

    func run() throws {
        if let stored { return try explain(stored: stored, source: options.source) }
        let (text, name) = try input()
        let (_, blueprint) = try source.blueprint()
        let explainer = Explainer(blueprint)
        let report = ExplanationReport(blueprint, style: Style(for: STDOUT_FILENO))
        let pieces = EventPieces.pieces(of: text)
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

    /// What is to be explained, and what messages call it.
    private func input() throws -> (text: [UInt8], name: String) {
        guard let event else { return (try options.event().json, "the event") }
        do {
            return (try InputFile(event).rest(), event == "-" ? "standard input" : event)
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
    }
}
