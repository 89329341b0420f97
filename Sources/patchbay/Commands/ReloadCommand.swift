import ArgumentParser
import PatchbayEvents
import PatchbayRuntime

/// `patchbay reload`.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Let a running host take its changed configuration over.",
        discussion: """
            The host reads its file anew, checks all of it, modules included, and takes it over as a whole, or says \
            why not and stays as it was. SIGHUP does the same; so does `reload: {watch: true}` by itself, for modules' \
            files, too. What was accepted keeps the deliveries that were decided for it.

            Taken over: modules' files, configuration and grants; what routes take (type, filters, match, order, \
            final, priority, ordering.key, dedup.key) and whom of their handlers they choose; routes that are gone; \
            unmatched, shutdown, reload.moduleDrain. The rest is refused by name: start the host anew for it.

            EXIT CODES
              0  the host runs the file as it is now
              1  nothing was changed: the file is wrong, or only a restart takes it, or no host runs
              2  wrong usage

            EXAMPLES
              patchbay reload -c patchbay.yaml
            """)

    @OptionGroup var host: RunningHostOptions

    func run() throws {
        try DeadLetterCommand.attempt {
            guard case .reloaded(let change) = try host.client().ask(.reload(by: DeadLetterCommand.user)) else {
                throw ControlFailure(.malformed, "the host answers something else than what became of a reload")
            }
            if host.json { return Output.json(change.value) }
            Output.line(change.summary.printable)
        }
    }
}
