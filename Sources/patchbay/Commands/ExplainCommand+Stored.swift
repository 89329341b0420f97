import ArgumentParser
import CPatchbaySystem
import Glibc
import PatchbayConfiguration
import PatchbayRuntime

extension ExplainCommand {
    /// Explains an event of the log, and tells what became of it.
    func explain(stored id: String, source eventSource: String?) throws {
        let (preparation, blueprint) = try source.blueprint()
        let log = preparation.configuration.log
        guard log.backend == .file else {
            throw Output.failure(
                "\(source.file) keeps its log in memory, which ends with the run: `log: {backend: file, path: ./data}` "
                    + "keeps it in files", code: 2)
        }
        let progress = LogReadingProgress()
        let history: EventHistory
        let events: StoredEvents
        do throws(StoredEventError) {
            defer { progress.end() }
            events = try StoredEvents(folder: log.path)
            let event = try events.find(id: id, source: eventSource) {
                progress.show($0.read, of: $0.all, doing: "searching")
            }
            history = try events.history(of: event) { progress.show($0.read, of: $0.all, doing: "reading") }
        } catch {
            throw Output.failure(error.description.printable, code: error.code == .missing ? 1 : 2)
        }
        let report = ExplanationHistory(
            history, from: events, blueprint, style: Style(for: STDOUT_FILENO), now: pbs_unix_now())
        if json {
            Output.json(report.value)
        } else {
            Output.line(report.text)
        }
    }
}
