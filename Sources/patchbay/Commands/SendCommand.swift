import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayEvents

/// `patchbay send`.
struct SendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send events to a running host.",
        discussion: """
            The host listens at the Unix socket of a source of `type: socket`. Events come from a file, one CloudEvent \
            a line, one over many lines or a JSON array of them, or from the options, which make one.

            The answer comes when the events are in the host's log: accepted, not yet handled. What is refused is \
            named with its line; the rest is accepted all the same.

            EXIT CODES
              0  everything was accepted
              1  something was refused or not read, or no host answers
              2  wrong usage, or a file that cannot be read

            EXAMPLES
              patchbay send --type com.example.order.paid --data '{"total":120}'
              patchbay send --type com.example.note --data hello --content-type text/plain
              patchbay send -f events.jsonl -c patchbay.yaml
              generate-events | patchbay send -f - --socket /run/patchbay.sock
            """)

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A file of events, - is standard input.", valueName: "file"),
        completion: .events)
    var file: String?

    @OptionGroup(title: "One event") var event: EventOptions

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("The configuration of the host: its first socket source is used.", valueName: "file"),
        completion: .configurations)
    var config: String?

    @Option(
        help: ArgumentHelp(
            "The host's socket. (default: $XDG_RUNTIME_DIR/patchbay.sock, else ./patchbay.sock)", valueName: "path"),
        completion: .file())
    var socket: String?

    @Flag(help: "Print the host's answer as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print nothing when everything was accepted.")
    var quiet = false

    func validate() throws {
        if file != nil, let other = (event.type == nil ? event.others : ["--type"] + event.others).first {
            throw ValidationError("-f sends the events of a file; \(other) makes one of its own: give one of them")
        }
        if file == nil, event.type == nil {
            let given = event.others.first.map { "\($0) needs --type" } ?? "say what to send"
            throw ValidationError("\(given): -f FILE, -f - for standard input, or --type TYPE [--data JSON]")
        }
        if config != nil, socket != nil { throw ValidationError("give -c or --socket, not both") }
    }

    func run() throws {
        let path = try socketPath()
        let answer: SendAnswer
        do {
            if let file {
                let input = try InputFile(file)
                answer = try EventStream(input, to: SocketClient(path)).run()
            } else {
                let event = try event.event()
                let client = try SocketClient(path)
                _ = client.write(event.json + [0x0A])
                answer = try SendAnswer(client.answer(), sent: 1, lines: nil)
                if !json, !quiet, answer.refused == 0, answer.cut == nil {
                    Output.line("accepted \(event.type), id \(event.id)")
                    return
                }
            }
        } catch let error as InputFile.Failure {
            throw Output.failure("\(error)", code: 2)
        } catch let error as SocketClient.Failure {
            throw Output.failure("\(error)", code: 1)
        }
        report(answer)
        if let cut = answer.cut { throw Output.failure("\(cut)", code: 1) }
        if answer.refused > 0 { throw ExitCode(1) }
    }

    private func report(_ answer: SendAnswer) {
        if json {
            Output.json(answer.value)
            return
        }
        let style = Style(for: STDERR_FILENO)
        let place = file.map { $0 == "-" ? "standard input" : $0 }
        for error in answer.errors {
            let line = place.map { "\($0):\(error.line): " } ?? ""
            Output.error("\(line)\(style.red("refused:")) \(error.message.printable)")
        }
        let more = answer.refused - min(answer.refused, UInt64(answer.errors.count))
        if more > 0 { Output.error("… and \(more.grouped) more; the host's log names them") }
        if !quiet || answer.refused > 0 || answer.cut != nil {
            Output.line("\(answer.accepted.grouped) accepted, \(answer.refused.grouped) refused")
        }
    }

    private func socketPath() throws -> String {
        if let socket { return socket }
        let inputs = ConfigurationInputs.ofProcess()
        guard let config else { return Configuration.socketPathDefault(environment: inputs.environment) }
        let draft = Configuration.read(path: config, inputs: inputs)
        if let path = draft.configuration.socketPath { return path }
        guard draft.errors.isEmpty else { throw ConfigurationOptions.report(draft.errors, in: config) }
        throw Output.failure(
            "\(config) has no source that listens; add `- {name: inbox, type: socket}` to its sources", code: 2)
    }
}
