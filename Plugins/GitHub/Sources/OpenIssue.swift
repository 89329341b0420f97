import HandlerKit
import PatchbaySDK

/// Opens an issue, once for each event.
struct OpenIssue: Handler {
    private let configuration: GitHubConfiguration
    private let section: GitHubConfiguration.OpenIssue
    private let github: GitHub

    init(configuration: GitHubConfiguration, host: Host) throws {
        self.configuration = configuration
        section = try MissingSection.require(configuration.openIssue, "openIssue", for: "github.open-issue")
        github = GitHub(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let (name, path) = try github.repository(json)
            let marker = GitHub.marker(event.idempotencyKey)
            let form = try self.form(json, marker)
            let issues = "\(path)/issues"
            let issue: JSON
            if configuration.lookup.isDue(at: event.attempt),
                let earlier = try github.find(
                    marker, in: issues, "&state=all&sort=created&direction=desc", call)
            {
                issue = earlier
            } else {
                issue = try github.send("POST", issues, form, call)
            }
            let number = issue["number"] ?? .null
            try call.emit(
                EventDraft(
                    type: "com.patchbay.github.opened", subject: "\(name)#\(number)",
                    json: [
                        "event": .string(event.id), "repository": .string(name), "number": number,
                        "url": issue["html_url"] ?? .null,
                    ]))
            return .done
        }
    }

    private func form(_ event: JSON, _ marker: String) throws(Refusal) -> JSON {
        let title = try section.title.fill(from: event)
        guard !title.isEmpty else { throw .reject("missing_field: the title is empty") }
        let body = try section.body.fill(from: event, escape: GitHub.escaped)
        var form: [String: JSON] = [
            // GitHub takes 256 characters.
            "title": .string(String(title.prefix(256))),
            "body": .string(body.isEmpty ? marker : "\(body)\n\n\(marker)"),
        ]
        for (member, templates) in [("labels", section.labels), ("assignees", section.assignees)] {
            var values: [JSON] = []
            for template in templates {
                let value = try template.fill(from: event)
                if !value.isEmpty { values.append(.string(value)) }
            }
            if !values.isEmpty { form[member] = .array(values) }
        }
        return .object(form)
    }
}
