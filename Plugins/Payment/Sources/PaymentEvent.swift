import HandlerKit
import PatchbaySDK

/// What the handlers take out of an event. Nothing that looks like a card number passes.
struct PaymentEvent {
    let event: Event
    private let json: JSON
    private let configuration: PaymentConfiguration

    init(_ view: borrowing EventView, _ configuration: PaymentConfiguration) throws {
        event = Event(copying: view)
        json = try event.structured()
        self.configuration = configuration
    }

    /// The event's own idempotency key as a header may hold it: the same for all attempts, and for no other delivery.
    ///
    /// - Errors: it is longer than the 255 bytes that the API takes.
    var key: String {
        get throws(Refusal) {
            var key = ""
            for scalar in event.idempotencyKey.unicodeScalars {
                // A percent sign as well, or two keys could be written alike.
                let isPlain = (0x20...0x7E).contains(scalar.value) && scalar != "%"
                key += isPlain ? String(scalar) : HTTPRequest.encoded(String(scalar))
            }
            guard key.utf8.count <= 255 else {
                throw .reject("long_key: source and id of the event make a key of more than 255 bytes")
            }
            return key
        }
    }

    /// Whether the API may have forgotten the event's key. Unknown for an event without a time: then it has not.
    var isOlderThanKeys: Bool {
        guard let time = UnixTime.parse(event.time) else { return false }
        return UnixTime.now > time + UInt64(configuration.keyHours) * 3_600_000_000_000
    }

    /// A positive number of minor units. nil: the event has none.
    var amount: Int64? {
        get throws(Refusal) {
            let path = configuration.fields.amount
            guard let value = path.find(in: json) else { return nil }
            guard let amount = value.integer, amount > 0 else {
                throw .reject("invalid_amount: not a positive integer, in minor units, at \(path.text)")
            }
            return amount
        }
    }

    /// Three lowercase letters.
    var currency: String {
        get throws(Refusal) {
            let path = configuration.fields.currency
            guard let currency = path.text(in: json) ?? configuration.currency else {
                throw .reject("missing_field: no currency at \(path.text), and none is configured")
            }
            guard currency.utf8.count == 3, currency.allSatisfy({ $0.isASCII && $0.isLetter }) else {
                throw .reject("invalid_currency: not three letters at \(path.text)")
            }
            return currency.lowercased()
        }
    }

    /// A text of the event. nil: there is none.
    ///
    /// - Errors: it looks like a card number.
    func text(_ path: FieldPath) throws(Refusal) -> String? {
        guard let text = path.text(in: json), !text.isEmpty else { return nil }
        guard !CardData.isNumber(text) else {
            throw .reject("card_data: what looks like a card number is at \(path.text), and is not sent")
        }
        return text
    }

    /// The API's id of something: letters, digits and `_`, which need no escaping in a path.
    func id(_ path: FieldPath) throws(Refusal) -> String {
        guard let text = try text(path) else { throw .reject("missing_field: nothing at \(path.text)") }
        guard text.utf8.count <= 128, text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        else { throw .reject("invalid_id: not an id of the API at \(path.text)") }
        return text
    }

    /// What is written beside the payment, so that it can be found by order, and by the key under `name`.
    func metadata(_ name: String) throws(Refusal) -> Gateway.Form {
        var form: Gateway.Form = [("metadata[\(name)]", try key)]
        if let order = try text(configuration.fields.order) {
            form.append(("metadata[order]", String(order.prefix(500))))
        }
        return form
    }

    /// What is emitted about a payment that the API describes by `object`.
    func draft(_ type: String, _ object: JSON, amount: JSON?, payment: JSON?) throws(Refusal) -> EventDraft {
        let order = try text(configuration.fields.order)
        var data: [String: JSON] = ["id": .string(event.id)]
        data["order"] = order.map { .string($0) }
        data["amount"] = amount?.integer.map { .integer($0) }
        let texts = [("currency", object["currency"]), ("providerId", payment), ("status", object["status"])]
        for (name, value) in texts {
            data[name] = value?.string.map { .string(CardData.isNumber($0) ? CardData.mark : $0) }
        }
        return EventDraft(type: "com.patchbay.payment.\(type)", subject: order ?? event.subject, json: .object(data))
    }
}
