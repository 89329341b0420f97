import ArgumentParser
import Logging
import PatchbayConfiguration

/// What shells offer for the values of options.
extension CompletionKind {
    static let configurations = CompletionKind.file(extensions: ["yaml", "yml"])
    static let events = CompletionKind.file(extensions: ["json", "jsonl", "ndjson"])
    static let modules = CompletionKind.file(extensions: ["so"])
    static let logLevels = CompletionKind.list(Logger.Level.allCases.map(\.rawValue))
    static let speeds = CompletionKind.list(["max", "1x", "10x", "100x"])
    static let failureClasses = CompletionKind.list(["transient", "permanent", "timeout", "unmatched"])
    /// Handlers that the routes of the configuration name.
    static let handlers = CompletionKind.custom { words, _, _ in
        NamesToComplete(words)?.handlers ?? []
    }
    static let routes = CompletionKind.custom { words, _, _ in
        NamesToComplete(words)?.routes ?? []
    }
}

/// The names in the configuration that the words of an unfinished command mean. What cannot be read has none: nobody
/// sees an error while typing.
struct NamesToComplete {
    let handlers: [String]
    let routes: [String]

    /// No module is read, and no secret.
    init?(_ words: [String]) {
        var path = "patchbay.yaml"
        for (word, next) in zip(words, words.dropFirst()) where ["-c", "--config"].contains(word) { path = next }
        for word in words where word.hasPrefix("--config=") { path = String(word.dropFirst(9)) }
        let draft = Configuration.read(path: path, inputs: .ofProcess())
        routes = draft.configuration.routes.map(\.name).filter { !$0.isEmpty }
        handlers = Set(draft.configuration.routes.flatMap(\.receivers).map(\.handler.name)).sorted()
    }
}
