import HandlerKit
import PatchbaySDK

/// An answer of the payment API that is not a success: `{"error": {"type", "code", "decline_code", "message"}}`.
///
/// - Source: Stripe API reference, "Errors" and "Idempotent requests"
struct ErrorAnswer {
    let status: Int
    let type: String?
    let code: String?
    let declineCode: String?
    /// Without digits that could be a card's.
    let message: String
    private let operation: Operation
    private let retryAfter: Duration?

    init(_ response: HTTPResponse, to operation: Operation) {
        status = response.status
        self.operation = operation
        retryAfter = response.retryAfter
        let error: JSON?
        do {
            error = try response.json()["error"]
        } catch {
            // A proxy's page, say: the status has to do.
            self.type = nil
            self.code = nil
            declineCode = nil
            message = ""
            return
        }
        type = CardData.code(error?["type"]?.string)
        code = CardData.code(error?["code"]?.string)
        declineCode = CardData.code(error?["decline_code"]?.string)
        message = CardData.removed(from: String((error?["message"]?.string ?? "").prefix(300)))
    }

    /// Whether the key came with another request before, which may have taken effect or be under way.
    var isMismatch: Bool { status == 400 && type == "idempotency_error" }

    /// Declined is for good and nobody's fault but the card's; what is busy or broken is tried again with the same key;
    /// what the API does not understand or allow is for good.
    var outcome: Outcome {
        let number = Int32(status)
        switch status {
        case 402:
            return .reject(reason(operation.failure, declineCode ?? code), code: number, detail: detail)
        case 429:
            return .retry(reason("rate_limited", code), after: retryAfter, code: number, detail: detail)
        case 409:
            return .retry(reason(code ?? "conflict"), after: retryAfter, code: number, detail: detail)
        case 408, 425, 500...599:
            return .retry(reason("unavailable", code), after: retryAfter, code: number, detail: detail)
        case 401, 403:
            return .fail(reason("unauthorized", code), code: number, detail: detail)
        case 400 where isMismatch:
            // Nobody has found what the other request did; the API's search may not have it yet.
            return .retry(reason("idempotency_mismatch"), code: number, detail: detail)
        case 400...499:
            return .reject(reason(code ?? "invalid_request"), code: number, detail: detail)
        default:
            return .fail(reason("unexpected_status", code), code: number, detail: detail)
        }
    }

    private func reason(_ name: String, _ more: String? = nil) -> String {
        let words = [more, message.isEmpty ? "status \(status)" : message].compactMap { $0 }
        return "\(name): \(words.joined(separator: ": "))"
    }

    private var detail: JSON {
        var members: [String: JSON] = ["status": .integer(Int64(status))]
        for (name, value) in [("type", type), ("code", code), ("declineCode", declineCode)] {
            if let value { members[name] = .string(value) }
        }
        return .object(members)
    }
}
