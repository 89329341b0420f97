import HandlerKit
import PatchbaySDK

/// The configuration that the three handlers share: the manifest's schema has checked it and filled its defaults in.
struct PaymentConfiguration: Decodable, Sendable {
    enum Capture: String, Decodable, Sendable {
        case automatic
        case manual
    }

    struct Fields: Decodable, Sendable {
        var amount: FieldPath
        var currency: FieldPath
        var order: FieldPath
        var customer: FieldPath
        var paymentMethod: FieldPath
        var payment: FieldPath
        var reason: FieldPath
    }

    var apiKey: String
    var baseURL: String
    var apiVersion: String?
    var account: String?
    var timeoutSeconds: Double
    var capture: Capture
    var offSession: Bool
    var currency: String?
    var keyHours: Int
    var fields: Fields
}
