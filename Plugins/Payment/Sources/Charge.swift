import HandlerKit
import PatchbaySDK

/// Takes a payment once for each event, however often the event is tried.
struct Charge: Handler {
    private let configuration: PaymentConfiguration
    private let gateway: Gateway

    init(configuration: PaymentConfiguration, host: Host) throws {
        self.configuration = configuration
        gateway = try Gateway(configuration, for: .charge)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = try PaymentEvent(view, .charge, configuration)
        return try call.settling {
            let form = try self.form(event)
            if try event.mayBeForgotten, let earlier = try find(event, call) { return try settle(earlier, event, call) }
            switch try gateway.post("/v1/payment_intents", form, key: try event.key, call) {
            case .effect(let intent): return try settle(intent, event, call)
            case .unknown(let outcome):
                guard let earlier = try find(event, call) else { return outcome }
                return try settle(earlier, event, call)
            }
        }
    }

    private func form(_ event: PaymentEvent) throws(Refusal) -> Gateway.Form {
        guard let amount = try event.amount else {
            throw .reject("missing_field: no amount at \(configuration.fields.amount.text)")
        }
        var form: Gateway.Form = [
            ("amount", String(amount)), ("currency", try event.currency), ("confirm", "true"),
            ("capture_method", configuration.capture.rawValue),
            ("payment_method", try event.id(configuration.fields.paymentMethod)),
            ("automatic_payment_methods[enabled]", "true"), ("automatic_payment_methods[allow_redirects]", "never"),
            // Either of them makes a payment that somebody would have to confirm a declined one.
            (configuration.offSession ? "off_session" : "error_on_requires_action", "true"),
        ]
        if try event.text(configuration.fields.customer) != nil {
            form.append(("customer", try event.id(configuration.fields.customer)))
        }
        return form + (try event.metadata())
    }

    /// The payment of this event that the API has, whatever became of its answer; nil: none.
    private func find(_ event: PaymentEvent, _ call: Call) throws -> JSON? {
        let key = try event.key.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
        let found = try gateway.get(
            "/v1/payment_intents/search",
            query: [("query", "metadata['\(Operation.charge.metadata)']:'\(key)'"), ("limit", "1")], call)
        guard case .array(let intents)? = found["data"] else {
            throw Refusal(.retry("bad_answer: the API's answer to a search has no list"))
        }
        return intents.first
    }

    private func settle(_ intent: JSON, _ event: PaymentEvent, _ call: Call) throws -> Outcome {
        let status = intent["status"]?.string ?? ""
        let type: String
        switch status {
        case "succeeded": type = "charged"
        case "requires_capture": type = "authorized"
        case "processing": type = "pending"
        case "requires_payment_method": return .reject("card_declined: the payment method was not accepted")
        case "requires_action", "requires_confirmation":
            return .reject("authentication_required: the customer would have to confirm the payment")
        case "canceled": return .reject("canceled: the payment was cancelled")
        default: return .retry("bad_answer: a payment of unknown status")
        }
        try call.emit(try event.draft(type, intent, amount: intent["amount"], payment: intent["id"]))
        return .done
    }
}
