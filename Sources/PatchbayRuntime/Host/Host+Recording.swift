import PatchbayModules

extension Host {
    /// What records the calls that the options want recorded; `nil`: none.
    static func recorder(_ options: HostOptions) throws(HostError) -> CallRecorder? {
        guard let recording = options.recording else { return nil }
        do throws(ModuleError) {
            return try CallRecorder(
                folder: recording.folder, recording.bounds, hostVersion: options.version, logger: options.logger)
        } catch {
            throw HostError("\(error)")
        }
    }

    /// Whether those that are to be recorded are handlers of modules that calls go to.
    static func check(_ recorded: [String], among handlers: HandlerSet) throws(HostError) {
        guard !recorded.isEmpty else { return }
        let known = handlers.present.values.flatMap(\.handlers).map(\.scope.name).sorted()
        for name in recorded where !known.contains(name) {
            throw HostError(
                "the handler '\(name)' cannot be recorded: it is no module's, or no route names it; there are: "
                    + (known.isEmpty ? "none" : known.joined(separator: ", ")))
        }
    }
}
