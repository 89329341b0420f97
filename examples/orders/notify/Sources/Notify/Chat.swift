import PatchbaySDK

/// Says in a chat room what happened. The room is the host's log here; a real one would be a request.
struct Chat: Handler {
    struct Configuration: Decodable {
        var room: String
    }

    let room: String

    init(configuration: Configuration, host: Host) {
        room = configuration.room
    }

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        guard let message = try Message(event) else { return .skip }
        call.span("render") { $0.set("chat.room", to: .string(room)) }
        call.log(.info, "\(room): \(message.text)")
        return .done
    }
}
