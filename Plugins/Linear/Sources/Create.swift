import HandlerCrypto
import HandlerKit
import PatchbaySDK

/// Creates an issue under an id that is made from the event's idempotency key, so that it is there once.
struct Create: Handler {
    private static let mutation = """
        mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier url } } }
        """
    private static let query = "query($id: String!) { issue(id: $id) { id identifier url } }"

    private let section: LinearConfiguration.Create
    private let linear: Linear

    init(configuration: LinearConfiguration, host: Host) throws {
        section = try MissingSection.require(configuration.create, "create", for: "linear.create")
        linear = Linear(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let id = try SHA256.uuid(of: event.idempotencyKey)
            let input = try self.input(json, id)
            // An id that is taken is refused like any other input that is wrong.
            let issue = try create(input, orFind: id, call)
            try call.emit(
                EventDraft(
                    type: "com.patchbay.linear.created", subject: issue["identifier"]?.string ?? id,
                    json: [
                        "event": .string(event.id), "id": .string(id), "identifier": issue["identifier"] ?? .null,
                        "url": issue["url"] ?? .null,
                    ]))
            return .done
        }
    }

    private func create(_ input: JSON, orFind id: String, _ call: Call) throws -> JSON {
        do {
            let payload = try linear.send(Self.mutation, ["input": input], call)["issueCreate"]
            guard payload?["success"]?.bool == true, let issue = payload?["issue"] else {
                throw Refusal(.fail("refused: Linear did not create the issue, and does not say why"))
            }
            return issue
        } catch let refusal as Refusal {
            let found = try linear.find(Self.query, ["id": .string(id)], call)
            guard let issue = found?["issue"], issue != .null else { throw refusal }
            return issue
        }
    }

    private func input(_ event: JSON, _ id: String) throws(Refusal) -> JSON {
        let title = try section.title.fill(from: event)
        guard !title.isEmpty else { throw .reject("missing_field: the title is empty") }
        var input: [String: JSON] = [
            "id": .string(id), "teamId": .string(try section.team.fill(from: event)), "title": .string(title),
        ]
        let texts = [
            ("description", section.description), ("assigneeId", section.assignee), ("projectId", section.project),
            ("stateId", section.state),
        ]
        for (name, template) in texts {
            let text = try template.fill(from: event)
            if !text.isEmpty { input[name] = .string(text) }
        }
        let priority = try section.priority.fill(from: event)
        if !priority.isEmpty {
            guard let number = Int64(priority), (0...4).contains(number) else {
                throw .reject("invalid_priority: not a number from 0 to 4")
            }
            input["priority"] = .integer(number)
        }
        var labels: [JSON] = []
        for template in section.labels {
            let label = try template.fill(from: event)
            if !label.isEmpty { labels.append(.string(label)) }
        }
        if !labels.isEmpty { input["labelIds"] = .array(labels) }
        return .object(input)
    }
}
