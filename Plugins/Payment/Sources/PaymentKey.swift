import HandlerCrypto
import HandlerKit
import PatchbaySDK

/// What a request is known by, in its idempotency key and in what the API keeps: the operation and the event. Not the
/// handler, or a dead letter that is redriven to an instance of another name would be charged again.
enum PaymentKey {
    /// What the API takes.
    private static let bytesMax = 255

    /// `payment.charge SOURCE ID` as a header may hold it, the same for every attempt of an event at every instance. A
    /// hash stands for a source and id that are too long, or hold what looks like a card number.
    static func text(_ operation: Operation, source: String, id: String) throws(Refusal) -> String {
        let name = "payment.\(operation.rawValue)"
        // A source has no blanks of its own, so that no two events share a key.
        let event = "\(plain(source, from: 0x21)) \(plain(id, from: 0x20))"
        let key = "\(name) \(event)"
        guard key.utf8.count > bytesMax || CardData.isNumber(source) || CardData.isNumber(id) else { return key }
        do throws(HashError) {
            return "\(name) sha256=\(try SHA256.hexadecimal(event.utf8))"
        } catch {
            throw Refusal(.retry(error.description))
        }
    }

    private static func plain(_ text: String, from first: UInt32) -> String {
        var plain = ""
        for scalar in text.unicodeScalars {
            // A percent sign is written otherwise as well, or two keys could be written alike.
            let isPlain = (first...0x7E).contains(scalar.value) && scalar != "%"
            plain += isPlain ? String(scalar) : HTTPRequest.encoded(String(scalar))
        }
        return plain
    }
}
