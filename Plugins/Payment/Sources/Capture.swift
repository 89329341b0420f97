import HandlerKit
import PatchbaySDK

/// Takes the money of a payment that was authorized.
struct Capture: Handler {
    private let configuration: PaymentConfiguration
    private let gateway: Gateway

    init(configuration: PaymentConfiguration, host: Host) throws {
        self.configuration = configuration
        gateway = try Gateway(configuration, for: .capture)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = try PaymentEvent(view, .capture, configuration)
        return try call.settling {
            let payment = try event.id(configuration.fields.payment)
            var form = try event.metadata()
            if let amount = try event.amount { form.append(("amount_to_capture", String(amount))) }
            let mayBeForgotten = try event.mayBeForgotten
            let answer: Gateway.Answer
            do {
                answer = try gateway.post("/v1/payment_intents/\(payment)/capture", form, key: try event.key, call)
            } catch let refusal as Refusal where mayBeForgotten {
                // The API may have captured it for this event and forgotten the key.
                guard let captured = try find(payment, event, call) else { throw refusal }
                return try settle(captured, event, call)
            }
            switch answer {
            case .effect(let intent): return try settle(intent, event, call)
            case .unknown(let outcome):
                guard let captured = try find(payment, event, call) else { return outcome }
                return try settle(captured, event, call)
            }
        }
    }

    /// The payment, if it was captured for this event; nil: it was not.
    private func find(_ payment: String, _ event: PaymentEvent, _ call: Call) throws -> JSON? {
        let intent = try gateway.get("/v1/payment_intents/\(payment)", call)
        guard intent["metadata"]?[Operation.capture.metadata]?.string == (try event.key),
            intent["status"]?.string == "succeeded"
        else { return nil }
        return intent
    }

    private func settle(_ intent: JSON, _ event: PaymentEvent, _ call: Call) throws -> Outcome {
        let type: String
        switch intent["status"]?.string {
        case "succeeded": type = "captured"
        case "processing": type = "pending"
        default: return .retry("bad_answer: a capture without effect")
        }
        try call.emit(try event.draft(type, intent, amount: intent["amount_received"], payment: intent["id"]))
        return .done
    }
}
