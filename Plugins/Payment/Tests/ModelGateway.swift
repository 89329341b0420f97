import HandlerTestKit
import PatchbaySDK
import Synchronization

/// A payment API in memory that keeps its promise about idempotency keys, and no other one: it loses requests and
/// answers, is slow, breaks down before and after it has taken money, and says card data aloud.
final class ModelGateway: Sendable {
    /// What happens to one request.
    enum Trouble: CaseIterable {
        case none, resetBefore, resetAfter, timeoutBefore, timeoutAfter, late, lateInVain, brokenBefore, brokenAfter
        case proxyAfter, garbledAfter, limited, unavailable, declined
    }

    struct Charge: Equatable {
        var id: String
        var key: String
        var amount: String
    }

    private struct Key {
        var form: [String: String]
        /// What it answers for ever; nil while the first request is in flight.
        var answer: HTTPResponse?
        /// How many further requests come before the first one is through, and whether that takes the money.
        var flight = 0
        var takes = true
    }

    private struct State {
        var keys: [String: Key] = [:]
        var charges: [Charge] = []
        var random: Seeded
        var isHealthy = false
        /// Searches that do not see the latest charge yet.
        var lag = 0
    }

    static let said = "card 4242 4242 4242 4242, cvc 987"

    /// Whether keys are kept.
    private let remembers: Bool
    /// Whether keys may be dropped at any time, as those of old requests are.
    private let forgets: Bool
    private let state: Mutex<State>

    init(seed: UInt64, remembers: Bool = true, forgets: Bool = false) {
        self.remembers = remembers
        self.forgets = forgets
        state = Mutex(State(random: Seeded(seed)))
    }

    var charges: [Charge] { state.withLock { $0.charges } }

    /// From now on every request is served as it should be.
    func recover() {
        state.withLock {
            $0.isHealthy = true
            $0.lag = 0
            for key in $0.keys.keys { $0.keys[key]?.flight = 0 }
        }
    }

    func serve(_ request: HTTPRequest) throws -> HTTPResponse {
        try state.withLock { state in
            if forgets, Int.random(in: 0..<4, using: &state.random) == 0 {
                state.keys = state.keys.filter { $0.value.answer == nil }
            }
            let trouble = state.isHealthy ? .none : Self.trouble(&state.random)
            return request.method == "GET"
                ? try search(request, trouble, &state) : try charge(request, trouble, &state)
        }
    }

    // MARK: Private

    private static func trouble(_ random: inout Seeded) -> Trouble {
        // Declines are rare, since they end a schedule.
        let trouble = Trouble.allCases.randomElement(using: &random) ?? .none
        return trouble == .declined && Int.random(in: 0..<8, using: &random) > 0 ? .resetAfter : trouble
    }

    private func search(_ request: HTTPRequest, _ trouble: Trouble, _ state: inout State) throws -> HTTPResponse {
        switch trouble {
        case .none, .declined, .late, .lateInVain, .proxyAfter, .brokenAfter: break
        case .resetBefore, .resetAfter: throw Fault(.broken, message: "reset")
        case .timeoutBefore, .timeoutAfter: throw Fault(.timeout, message: "no answer")
        case .limited: return Self.error(429, "rate_limit")
        case .brokenBefore, .unavailable: return Self.error(503, nil)
        case .garbledAfter: return HTTPResponse(status: 200, body: Array("<html>".utf8))
        }
        let query = request.query["query"] ?? ""
        var found = state.charges.filter { query == "metadata['patchbay_charge']:'\($0.key)'" }
        // Indexing takes a while, but never as long as keys are kept.
        if state.lag > 0, !forgets {
            state.lag -= 1
            found = []
        }
        return HTTPResponse(200, ["data": .array(found.prefix(1).map(Self.intent))])
    }

    private func charge(_ request: HTTPRequest, _ trouble: Trouble, _ state: inout State) throws -> HTTPResponse {
        let key = request.header("idempotency-key") ?? "none-\(state.charges.count)-\(state.random.next())"
        let form = request.form
        if trouble == .limited {
            return HTTPResponse(
                429, ["error": ["type": "rate_limit_error", "message": .string(Self.said)]], retryAfter: .seconds(2))
        }
        if trouble == .resetBefore { throw Fault(.broken, message: "reset") }
        if trouble == .timeoutBefore { throw Fault(.timeout, message: "no answer") }
        if trouble == .unavailable { return Self.error(503, nil) }
        if var known = remembers ? state.keys[key] : nil {
            if known.form != form { return Self.error(400, nil, type: "idempotency_error") }
            if known.answer == nil, known.flight > 0 {
                known.flight -= 1
                state.keys[key] = known
                return Self.error(409, "idempotency_key_in_use")
            }
            if known.answer == nil {
                // The first request comes through.
                known.answer = known.takes ? take(key, form, &state) : Self.error(500, nil)
                state.keys[key] = known
            }
            return try deliver(replayed(known.answer), trouble)
        }
        state.keys[key] = Key(form: form)
        switch trouble {
        case .late, .lateInVain:
            state.keys[key]?.flight = Int.random(in: 0...3, using: &state.random)
            // What fails late was never begun, so its answer is not kept either.
            if trouble == .lateInVain { state.keys[key] = nil }
            throw Fault(.timeout, message: "no answer")
        case .brokenBefore:
            // Begun and failed: this answer is kept, and no money was taken; only time makes the key free again.
            if Int.random(in: 0..<16, using: &state.random) == 0 {
                state.keys[key]?.answer = Self.error(500, nil)
            } else {
                state.keys[key] = nil
            }
            return Self.error(500, nil)
        case .brokenAfter:
            _ = take(key, form, &state)
            state.keys[key]?.answer = Self.error(500, nil)
            return Self.error(500, nil)
        case .declined:
            let answer = HTTPResponse(
                402,
                [
                    "error": [
                        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                        "message": .string("Your \(Self.said) was declined."),
                    ]
                ])
            state.keys[key]?.answer = answer
            return answer
        default:
            let answer = take(key, form, &state)
            state.keys[key]?.answer = answer
            return try deliver(answer, trouble)
        }
    }

    private func take(_ key: String, _ form: [String: String], _ state: inout State) -> HTTPResponse {
        let charge = Charge(id: "pi_\(state.charges.count + 1)", key: key, amount: form["amount"] ?? "")
        state.charges.append(charge)
        state.lag = Int.random(in: 0...2, using: &state.random)
        return HTTPResponse(200, Self.intent(charge))
    }

    /// The way back, on which answers get lost.
    private func deliver(_ answer: HTTPResponse, _ trouble: Trouble) throws -> HTTPResponse {
        switch trouble {
        case .resetAfter: throw Fault(.broken, message: "reset")
        case .timeoutAfter: throw Fault(.timeout, message: "no answer")
        case .proxyAfter: return HTTPResponse(status: 502, body: Array("<html>bad gateway</html>".utf8))
        case .garbledAfter: return HTTPResponse(status: 200, body: Array("{\"id\": \"pi_".utf8))
        default: return answer
        }
    }

    private func replayed(_ answer: HTTPResponse?) -> HTTPResponse {
        guard let answer else { return Self.error(500, nil) }
        return HTTPResponse(
            status: answer.status, headers: answer.headers + [("idempotent-replayed", "true")], body: answer.body)
    }

    private static func intent(_ charge: Charge) -> JSON {
        [
            "id": .string(charge.id), "object": "payment_intent", "amount": .integer(Int64(charge.amount) ?? 0),
            "currency": "eur", "status": "succeeded", "description": .string(said),
        ]
    }

    private static func error(_ status: Int, _ code: String?, type: String = "api_error") -> HTTPResponse {
        var error: [String: JSON] = ["type": .string(type), "message": .string("About your \(said)")]
        error["code"] = code.map { .string($0) }
        return HTTPResponse(status, ["error": .object(error)])
    }
}
