import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayRuntime

/// `patchbay modules promote`.
struct PromoteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Let a running host run another build of a module.",
        discussion: """
            The host loads the file beside the version that runs, makes its handlers with the same configuration, and \
            gives them every call that starts from then on; calls that are open end in the version before, which is \
            then drained and destroyed. When the file cannot be used, nothing changes and the reason is said. For 30 \
            seconds or 10,000 calls the host watches: when at least 5 calls and half of those that ended have \
            failed, and the version before failed less than half as often, it goes back by itself.

            With --canary 5% only that share of the calls runs it, the same events of an ordering key always. After \
            --for (5m) and --calls (100) it gets all of them. It is taken back when 5 of its calls failed and it fails \
            more than twice as often as the version beside it, and by more than one in a hundred, or when its calls \
            take more than twice as long, and by more than 10 ms. To decide by hand, promote the file again without \
            --canary, or roll back.

            A restart loads what the configuration names: put the file there, too.

            EXIT CODES
              0  new calls run the file
              1  nothing was changed: the file cannot be used, or no host runs
              2  wrong usage

            EXAMPLES
              patchbay modules promote build/libbilling.so -c patchbay.yaml
              patchbay modules promote build/libbilling.so -c patchbay.yaml --canary 5% --for 10m
              patchbay modules promote libbilling.so --instance billing-eu --data ./data
              patchbay modules promote libbilling.so --control /run/shop.sock --no-watch
            """)

    @Argument(help: "The module's file.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The instance that gets it, where several run the module.", valueName: "name"))
    var instance: String?

    @Flag(inversion: .prefixedNo, help: "Go back by itself when calls of the new version fail.")
    var watch = true

    @Option(
        help: ArgumentHelp("Only this share of the calls runs it at first: 5% or 0.5%, up to 50%.", valueName: "share"))
    var canary: Percentage?

    @Option(name: .customLong("for"), help: ArgumentHelp("How long a canary is compared: 5m.", valueName: "time"))
    var period: Period?

    @Option(help: ArgumentHelp("How many calls of a canary have to end before it is promoted.", valueName: "count"))
    var calls: UInt64?

    @OptionGroup var host: RunningHostOptions

    func validate() throws {
        if canary == nil, period != nil || calls != nil {
            throw ValidationError("--for and --calls are for --canary")
        }
    }

    /// What becomes of a canary.
    private var wish: CanaryWish? {
        canary.map { share in
            var rule = CanaryRule()
            if let period { rule.time = period.nanoseconds }
            if let calls { rule.callsMin = calls }
            return CanaryWish(share: share.ofTenThousand, rule: rule)
        }
    }

    func run() throws {
        var path = file
        if !path.hasPrefix("/") {
            guard let here = getcwd(nil, 0) else { throw Output.failure("the working folder is gone", code: 1) }
            defer { free(here) }
            path = "\(String(cString: here))/\(file)"
        }
        try host.change(.promote(file: path, instance: instance, isWatched: watch, canary: wish))
    }
}

/// `patchbay modules rollback`.
struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Let a running host run the version of a module that it ran before.",
        discussion: """
            The version before is in the host's memory: its file need not be there any more. A second rollback goes \
            forth again.

            EXAMPLES
              patchbay modules rollback billing -c patchbay.yaml
            """)

    @Argument(help: "The module's instance, as billing in billing.charge.")
    var instance: String

    @OptionGroup var host: RunningHostOptions

    func run() throws { try host.change(.rollback(instance: instance)) }
}

/// `patchbay modules running`.
struct RunningModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "running",
        abstract: "List the versions of modules that a running host has.",
        discussion: """
            EXAMPLES
              patchbay modules running -c patchbay.yaml
            """)

    @OptionGroup var host: RunningHostOptions

    func run() throws {
        try DeadLetterCommand.attempt {
            guard case .versions(let all) = try host.client().ask(.versions(by: DeadLetterCommand.user)) else {
                throw ControlFailure(.malformed, "the host answers something else than its versions")
            }
            if host.json { return Output.json(.list(all.map(\.value))) }
            guard !all.isEmpty else { return Output.line("no routes use a module") }
            let style = Style(for: STDOUT_FILENO)
            for version in all {
                let handlers = version.handlers.map { "\(version.instance).\($0)" }.joined(separator: ", ")
                Output.line(
                    "\(style.bold(version.instance)) \(version.present.text)\(version.isOnTrial ? ", watched" : "")  \(style.dim(version.present.file))"
                        .printable)
                Output.line("  \(handlers)".printable)
                if let canary = version.canary {
                    Output.line(
                        "  canary: \(canary.name.text), \(Percentage(ofTenThousand: canary.share)); \(canary.failed) of \(canary.ended) calls failed, beside it \(canary.failedBeside) of \(canary.endedBeside)"
                            .printable)
                }
                if let previous = version.previous { Output.line("  before: \(previous.text)".printable) }
            }
        }
    }
}

/// Which running host is meant, and how it answers.
struct RunningHostOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The host's data folder; the same as log.path of a configuration.", valueName: "folder"),
        completion: .directory)
    var data: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("Use the data folder of this configuration file.", valueName: "file"),
        completion: .configurations)
    var file: String?

    @Option(
        help: ArgumentHelp("The host's control socket, as given to run --control.", valueName: "path"),
        completion: .file())
    var control: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if [data, file, control].count(where: { $0 != nil }) > 1 {
            throw ValidationError("name a data folder, a configuration with -c or a socket with --control, one of them")
        }
    }

    func client() throws -> ControlClient {
        if let control {
            guard let client = ControlClient(path: control) else {
                throw Output.failure("no host listens at \(control); start one with run --control \(control)", code: 1)
            }
            return client
        }
        let folder = try DataFolderOptions.path(data, configuration: file)
        guard let client = ControlClient(folder: folder) else {
            throw Output.failure(
                "no host listens in \(folder); with a log in memory start it with run --control PATH and name that here",
                code: 1)
        }
        return client
    }

    func change(_ request: VersionRequest) throws {
        try DeadLetterCommand.attempt {
            guard case .versionChanged(let change) = try client().ask(.version(request, by: DeadLetterCommand.user))
            else { throw ControlFailure(.malformed, "the host answers something else than a change of version") }
            if json { return Output.json(change.value) }
            let open = change.openBefore
            let left = open > 0 ? "; \(String.count(open, "call")) end in the version before" : ""
            let way =
                change.share > 0
                ? "for \(Percentage(ofTenThousand: change.share)) of the calls, beside" : "instead of"
            Output.line("\(change.instance): \(change.to.text) \(way) \(change.from.text)\(left)".printable)
        }
    }
}
