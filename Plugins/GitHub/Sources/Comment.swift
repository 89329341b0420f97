import HandlerKit
import PatchbaySDK

/// Comments on an issue or pull request, once for each event.
struct Comment: Handler {
    private let configuration: GitHubConfiguration
    private let section: GitHubConfiguration.Comment
    private let github: GitHub

    init(configuration: GitHubConfiguration, host: Host) throws {
        self.configuration = configuration
        section = try MissingSection.require(configuration.comment, "comment", for: "github.comment")
        github = GitHub(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let (name, path) = try github.repository(json)
            let number = try github.number(json)
            let marker = GitHub.marker(event.idempotencyKey)
            let body = try section.body.fill(from: json, escape: GitHub.escaped) + "\n\n\(marker)"
            let comments = "\(path)/issues/\(number)/comments"
            let comment: JSON
            if configuration.lookup.isDue(at: event.attempt), let earlier = try find(marker, comments, event, call) {
                comment = earlier
            } else {
                comment = try github.send("POST", comments, ["body": .string(body)], call)
            }
            try call.emit(
                EventDraft(
                    type: "com.patchbay.github.commented", subject: "\(name)#\(number)",
                    json: [
                        "event": .string(event.id), "repository": .string(name), "number": .integer(number),
                        "id": comment["id"] ?? .null, "url": comment["html_url"] ?? .null,
                    ]))
            return .done
        }
    }

    private func find(_ marker: String, _ comments: String, _ event: Event, _ call: Call) throws -> JSON? {
        // A comment on the event is not older than the event; a day is for clocks that differ.
        let since = UnixTime.parse(event.time).map { UnixTime.text($0 - min($0, 86_400_000_000_000)) }
        return try github.find(marker, in: comments, since.map { "&since=\($0)" } ?? "", call)
    }
}
