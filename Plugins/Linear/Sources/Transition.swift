import HandlerKit
import PatchbaySDK

/// Moves an issue to a state, by the name that its team has for it; doing so again changes nothing.
struct Transition: Handler {
    private static let query = """
        query($id: String!, $name: String!) { issue(id: $id) { id identifier state { id name } \
        team { states(filter: {name: {eqIgnoreCase: $name}}) { nodes { id name } } } } }
        """
    private static let mutation = """
        mutation($id: String!, $state: String!) { issueUpdate(id: $id, input: {stateId: $state}) { success } }
        """

    private let section: LinearConfiguration.Transition
    private let linear: Linear

    init(configuration: LinearConfiguration, host: Host) throws {
        section = try MissingSection.require(configuration.transition, "transition", for: "linear.transition")
        linear = Linear(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let name = try section.state.fill(from: json)
            let asked = try section.issue.fill(from: json)
            let found = try linear.send(Self.query, ["id": .string(asked), "name": .string(name)], call)["issue"]
            guard let issue = found, let id = issue["id"]?.string else {
                return .reject("not_found: there is no issue \(asked.prefix(100))")
            }
            guard case .array(let states)? = issue["team"]?["states"]?["nodes"], let state = states.first?["id"]?.string
            else { return .reject("unknown_state: the issue's team has no state \(name.prefix(100))") }
            let before = issue["state"]?["id"]?.string
            if before != state {
                let payload = try linear.send(Self.mutation, ["id": .string(id), "state": .string(state)], call)
                guard payload["issueUpdate"]?["success"]?.bool == true else {
                    return .fail("refused: Linear did not move the issue, and does not say why")
                }
            }
            let identifier = issue["identifier"]?.string ?? asked
            try call.emit(
                EventDraft(
                    type: "com.patchbay.linear.transitioned", subject: identifier,
                    json: [
                        "event": .string(event.id), "id": .string(id), "identifier": .string(identifier),
                        "from": issue["state"]?["name"] ?? .null, "to": states.first?["name"] ?? .null,
                    ]))
            return .done
        }
    }
}
