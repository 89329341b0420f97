import HandlerKit
import PatchbaySDK

/// Gives the money of a payment back, or a part of it, once for each event.
struct Refund: Handler {
    private static let reasons: Set<String> = ["duplicate", "fraudulent", "requested_by_customer"]
    /// Of 100 refunds each.
    private static let pagesMax = 100

    private let configuration: PaymentConfiguration
    private let gateway: Gateway

    init(configuration: PaymentConfiguration, host: Host) throws {
        self.configuration = configuration
        gateway = try Gateway(configuration, for: .refund)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = try PaymentEvent(view, .refund, configuration)
        return try call.settling {
            let payment = try event.id(configuration.fields.payment)
            let form = try self.form(payment, event)
            if try event.mayBeForgotten, let earlier = try find(payment, event, call) {
                return try settle(earlier, event, call)
            }
            switch try gateway.post("/v1/refunds", form, key: try event.key, call) {
            case .effect(let refund): return try settle(refund, event, call)
            case .unknown(let outcome):
                guard let earlier = try find(payment, event, call) else { return outcome }
                return try settle(earlier, event, call)
            }
        }
    }

    private func form(_ payment: String, _ event: PaymentEvent) throws(Refusal) -> Gateway.Form {
        var form: Gateway.Form = [("payment_intent", payment)]
        if let amount = try event.amount { form.append(("amount", String(amount))) }
        if let reason = try event.text(configuration.fields.reason), Self.reasons.contains(reason) {
            form.append(("reason", reason))
        }
        return form + (try event.metadata())
    }

    /// The refund of this event that the API has; nil: none.
    private func find(_ payment: String, _ event: PaymentEvent, _ call: Call) throws -> JSON? {
        let key = try event.key
        var query: Gateway.Form = [("payment_intent", payment), ("limit", "100")]
        for _ in 0..<Self.pagesMax {
            let page = try gateway.get("/v1/refunds", query: query, call)
            guard case .array(let refunds)? = page["data"] else {
                throw Refusal(.retry("bad_answer: the API's answer has no list of refunds"))
            }
            if let ours = refunds.first(where: { $0["metadata"]?[Operation.refund.metadata]?.string == key }) {
                return ours
            }
            guard page["has_more"]?.bool == true, let last = refunds.last?["id"]?.string else { return nil }
            query = Array(query.prefix(2)) + [("starting_after", last)]
        }
        throw Refusal(.retry("bad_answer: the API's list of the payment's refunds does not end"))
    }

    private func settle(_ refund: JSON, _ event: PaymentEvent, _ call: Call) throws -> Outcome {
        let type: String
        switch refund["status"]?.string {
        case "succeeded": type = "refunded"
        case "pending", "requires_action": type = "pending"
        case "failed", "canceled": return .reject("refund_failed: the API could not give the money back")
        default: return .retry("bad_answer: a refund of unknown status")
        }
        try call.emit(try event.draft(type, refund, amount: refund["amount"], payment: refund["payment_intent"]))
        return .done
    }
}
