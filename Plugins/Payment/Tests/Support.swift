import Foundation
import PatchbaySDK
import PatchbaySDKTesting

/// What the manifest's defaults make of a configuration with the key alone.
let paymentConfiguration: JSON = [
    "apiKey": "sk_test_secret", "baseURL": "https://api.stripe.com", "timeoutSeconds": 20, "capture": "automatic",
    "offSession": true, "keyHours": 23,
    "fields": [
        "amount": "data.amount", "currency": "data.currency", "order": "data.order", "customer": "data.customer",
        "paymentMethod": "data.paymentMethod", "payment": "data.providerId", "reason": "data.reason",
    ],
]

let order: JSON = [
    "amount": 3390, "currency": "EUR", "order": "eu/1001", "customer": "cus_1", "paymentMethod": "pm_1",
]

/// So many hours from now, as an event has it.
func time(inHours hours: Double) -> String { Date.now.addingTimeInterval(hours * 3600).ISO8601Format() }

func orderEvent(_ data: JSON = order, time: String = time(inHours: 0), attempt: Int = 1) -> TestEvent {
    var event = TestEvent(type: "com.example.order.placed", subject: "eu/1001", json: data)
    event.source = "/shop"
    event.id = "order-1001-placed"
    event.idempotencyKey = "payment.charge /shop order-1001-placed"
    event.time = time
    event.attempt = attempt
    return event
}

extension JSON {
    /// The same object with one more member.
    func with(_ name: String, _ value: JSON?) -> JSON {
        guard case .object(var members) = self else { return self }
        members[name] = value
        return .object(members)
    }
}

extension HTTPRequest {
    /// The names and values of the form that it carries.
    var form: [String: String] {
        Self.pairs(String(decoding: body, as: UTF8.self))
    }

    /// What follows the `?` of its address.
    var query: [String: String] {
        Self.pairs(url.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? "")
    }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    private static func pairs(_ text: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(decoded)
            pairs[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return pairs
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) {
                rest = rest.dropFirst(2)
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension HTTPResponse {
    init(_ status: Int, _ body: JSON, headers: [HTTPRequest.Header] = [], retryAfter: Duration? = nil) {
        self.init(status: status, headers: headers, body: Array(body.description.utf8), retryAfter: retryAfter)
    }
}
