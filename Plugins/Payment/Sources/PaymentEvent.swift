import HandlerKit
import PatchbaySDK

/// What the handlers take out of an event. Nothing that looks like a card number passes.
struct PaymentEvent {
    let event: Event
    private let operation: Operation
    private let json: JSON
    private let configuration: PaymentConfiguration

    init(_ view: borrowing EventView, _ operation: Operation, _ configuration: PaymentConfiguration) throws {
        event = Event(copying: view)
        self.operation = operation
        json = try event.structured()
        self.configuration = configuration
    }

    /// What the request is known by: the same for all attempts at the event, and for no other event.
    var key: String {
        get throws(Refusal) { try PaymentKey.text(operation, source: event.source, id: event.id) }
    }

    /// Whether the API may have forgotten the event's key, so that it has to be asked what it has. It has not while the
    /// event's `time` says that it is younger than a third of `keyHours`; the other two thirds are what the clock of
    /// who made the event may be ahead. Without a time, or with one ahead, nobody knows.
    ///
    /// - Errors: the time is ahead by more than that. Once it had passed, the event would look young for too long.
    var mayBeForgotten: Bool {
        get throws(Refusal) {
            guard let time = UnixTime.parse(event.time) else { return true }
            let third = UInt64(configuration.keyHours) * 3_600_000_000_000 / 3
            let now = UnixTime.now
            guard time <= now + 2 * third else {
                throw .reject("time_ahead: the event's time is too far ahead to tell later how old the event is")
            }
            return time > now || now - time > third
        }
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

    /// What is written beside the payment, so that it can be found by order and by the key.
    func metadata() throws(Refusal) -> Gateway.Form {
        var form: Gateway.Form = [("metadata[\(operation.metadata)]", try key)]
        if let order = try text(configuration.fields.order) {
            form.append(("metadata[order]", String(order.prefix(500))))
        }
        return form
    }

    /// What is emitted about a payment that the API describes by `object`.
    func draft(_ type: String, _ object: JSON, amount: JSON?, payment: JSON?) throws(Refusal) -> EventDraft {
        let order = try text(configuration.fields.order)
        var data: [String: JSON] = ["id": .string(CardData.masked(event.id))]
        data["order"] = order.map { .string($0) }
        data["amount"] = amount?.integer.map { .integer($0) }
        let texts = [("currency", object["currency"]), ("providerId", payment), ("status", object["status"])]
        for (name, value) in texts {
            data[name] = value?.string.map { .string(CardData.masked($0)) }
        }
        return EventDraft(
            type: "com.patchbay.payment.\(type)", subject: order ?? CardData.masked(event.subject), json: .object(data))
    }
}
