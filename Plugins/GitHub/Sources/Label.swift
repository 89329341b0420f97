import HandlerKit
import PatchbaySDK

/// Adds and removes labels; doing so again changes nothing.
struct Label: Handler {
    private let section: GitHubConfiguration.Label
    private let github: GitHub

    init(configuration: GitHubConfiguration, host: Host) throws {
        section = try MissingSection.require(configuration.label, "label", for: "github.label")
        github = GitHub(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let (name, path) = try github.repository(json)
            let number = try github.number(json)
            let added = try labels(section.add, json)
            let removed = try labels(section.remove, json)
            guard !added.isEmpty || !removed.isEmpty else { return .skip }
            let place = "\(path)/issues/\(number)/labels"
            if !added.isEmpty {
                _ = try github.send("POST", place, ["labels": .array(added.map { .string($0) })], call)
            }
            for label in removed { try github.remove("\(place)/\(HTTPRequest.encoded(label))", call) }
            try call.emit(
                EventDraft(
                    type: "com.patchbay.github.labeled", subject: "\(name)#\(number)",
                    json: [
                        "event": .string(event.id), "repository": .string(name), "number": .integer(number),
                        "added": .array(added.map { .string($0) }), "removed": .array(removed.map { .string($0) }),
                    ]))
            return .done
        }
    }

    /// Filled, without those that an event makes empty.
    private func labels(_ templates: [Template], _ event: JSON) throws(Refusal) -> [String] {
        var labels: [String] = []
        for template in templates {
            let label = try template.fill(from: event)
            if !label.isEmpty, label != ".", label != ".." { labels.append(label) }
        }
        return labels
    }
}
