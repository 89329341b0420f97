import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Payment

private func error(_ type: String, _ code: String?, _ message: String) -> JSON {
    ["error": JSON.object(["type": .string(type), "message": .string(message)]).with("code", code.map { .string($0) })]
}

@Suite struct ChargeTests {
    private let intent: JSON = [
        "id": "pi_1", "object": "payment_intent", "amount": 3390, "currency": "eur", "status": "succeeded",
        "latest_charge": "ch_1",
    ]

    private func charge(
        _ response: HTTPResponse, _ event: TestEvent = orderEvent(), configuration: JSON = paymentConfiguration
    ) async throws -> (TestHost, TestReport) {
        let host = try TestHost(Charge.self, configuration: configuration)
        host.serve { _ in response }
        return (host, try #require(await host.send(event)))
    }

    @Test func `sends one form with the event's key and emits what was charged`() async throws {
        let configuration = paymentConfiguration.with("apiVersion", "2025-09-30").with("account", "acct_1")
        let (host, report) = try await charge(HTTPResponse(200, intent), configuration: configuration)
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(host.requests.count == 1)
        #expect(request.method == "POST")
        #expect(request.url == "https://api.stripe.com/v1/payment_intents")
        #expect(request.header("authorization") == "Bearer sk_test_secret")
        #expect(request.header("idempotency-key") == "payment.charge /shop order-1001-placed")
        #expect(request.header("stripe-version") == "2025-09-30")
        #expect(request.header("stripe-account") == "acct_1")
        #expect(request.timeout == .seconds(20))
        #expect(
            request.form == [
                "amount": "3390", "currency": "eur", "customer": "cus_1", "payment_method": "pm_1", "confirm": "true",
                "capture_method": "automatic", "off_session": "true", "error_on_requires_action": "true",
                "automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never",
                "metadata[order]": "eu/1001", "metadata[patchbay_charge]": "payment.charge /shop order-1001-placed",
            ])
        let draft = try #require(report.emitted.first)
        #expect(draft.type == "com.patchbay.payment.charged")
        #expect(draft.subject == "eu/1001")
        #expect(
            try JSON(parsing: draft.data) == [
                "id": "order-1001-placed", "order": "eu/1001", "amount": 3390, "currency": "eur", "providerId": "pi_1",
                "status": "succeeded",
            ])
    }

    @Test func `repeats the same request at every attempt`() async throws {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        host.serve { _ in throw Fault(.timeout) }
        for attempt in 1...3 { _ = await host.send(orderEvent(attempt: attempt)) }
        #expect(Set(host.requests.map(\.body)).count == 1)
        #expect(Set(host.requests.map { $0.header("idempotency-key") }).count == 1)
    }

    @Test(
        arguments: [
            (402, "card_error", "card_declined", TestReport.Outcome.fail, true, "card_declined"),
            (402, "card_error", "expired_card", .fail, true, "card_declined"),
            (402, "card_error", "authentication_required", .fail, true, "card_declined"),
            (409, "idempotency_error", "idempotency_key_in_use", .retry, false, "idempotency_key_in_use"),
            (429, "rate_limit_error", "rate_limit", .retry, false, "rate_limited"),
            (429, "invalid_request_error", "lock_timeout", .retry, false, "rate_limited"),
            (500, "api_error", nil, .retry, false, "unavailable"),
            (503, "api_error", nil, .retry, false, "unavailable"),
            (400, "invalid_request_error", "parameter_missing", .fail, true, "parameter_missing"),
            (400, "idempotency_error", nil, .fail, true, "idempotency_mismatch"),
            (404, "invalid_request_error", "resource_missing", .fail, true, "resource_missing"),
            (401, "invalid_request_error", nil, .fail, false, "unauthorized"),
            (403, "invalid_request_error", nil, .fail, false, "unauthorized"),
            (301, "", nil, .fail, false, "unexpected_status"),
        ] as [(Int, String, String?, TestReport.Outcome, Bool, String)]) func `reads an error of the API`(
            status: Int, type: String, code: String?, outcome: TestReport.Outcome, sparesBreaker: Bool, name: String
        ) async throws
    {
        let response = HTTPResponse(
            status, error(type, code, "It failed."), retryAfter: status == 429 ? .seconds(3) : nil)
        let (_, report) = try await charge(response)
        #expect(report.outcome == outcome)
        #expect(report.sparesBreaker == sparesBreaker)
        #expect(report.reason.hasPrefix("\(name): "))
        #expect(report.code == Int32(status))
        #expect(report.retryAfter == (status == 429 ? .seconds(3) : nil))
        #expect(report.emitted.isEmpty)
    }

    @Test(
        arguments: [
            ("succeeded", TestReport.Outcome.done, "com.patchbay.payment.charged"),
            ("requires_capture", .done, "com.patchbay.payment.authorized"),
            ("processing", .done, "com.patchbay.payment.pending"), ("requires_action", .fail, nil),
            ("requires_payment_method", .fail, nil), ("canceled", .fail, nil), ("new_fashion", .retry, nil),
        ] as [(String, TestReport.Outcome, String?)]) func `reads the status of a payment`(
            status: String, outcome: TestReport.Outcome, type: String?
        ) async throws
    {
        let (_, report) = try await charge(HTTPResponse(200, intent.with("status", .string(status))))
        #expect(report.outcome == outcome)
        #expect(report.emitted.first?.type == type)
    }

    @Test func `an answer that is no JSON is tried again`() async throws {
        let (_, report) = try await charge(HTTPResponse(status: 200, body: Array("<html>4242424242424242".utf8)))
        #expect(report.outcome == .retry)
        #expect(!report.reason.contains("4242"))
    }

    @Test func `looks up what became of a key that answers an error for ever`() async throws {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        let intent = intent
        host.serve { request in
            if request.method == "GET" { return HTTPResponse(200, ["data": [intent]]) }
            return HTTPResponse(500, error("api_error", nil, ""), headers: [("idempotent-replayed", "true")])
        }
        let report = try #require(await host.send(orderEvent()))
        #expect(report.outcome == .done)
        #expect(report.emitted.map(\.type) == ["com.patchbay.payment.charged"])
        #expect(
            host.requests.last?.query["query"] == "metadata['patchbay_charge']:'payment.charge /shop order-1001-placed'"
        )
    }

    @Test(
        arguments: [
            ("amount", JSON.number(33.9), "invalid_amount"), ("amount", 0, "invalid_amount"),
            ("amount", -5, "invalid_amount"),
            ("amount", "3390", "invalid_amount"), ("amount", nil, "missing_field"), ("currency", nil, "missing_field"),
            ("currency", "Euro", "invalid_currency"), ("paymentMethod", nil, "missing_field"),
            ("paymentMethod", "pm/../x", "invalid_id"), ("paymentMethod", "4242424242424242", "card_data"),
            ("customer", "4242 4242 4242 4242", "card_data"), ("order", "for card 4242-4242-4242-4242", "card_data"),
        ] as [(String, JSON?, String)]) func `sends nothing for an event that is not fit`(
            field: String, value: JSON?, name: String
        ) async throws
    {
        let (host, report) = try await charge(HTTPResponse(200, intent), orderEvent(order.with(field, value)))
        #expect(report.outcome == .fail)
        #expect(report.sparesBreaker)
        #expect(report.reason.hasPrefix("\(name): "))
        #expect(!report.reason.contains("4242"))
        #expect(host.requests.isEmpty)
    }

    @Test func `finds values where the configuration says`() async throws {
        let fields: JSON = [
            "amount": "data.total.cents", "currency": "data.total.currency", "order": "subject", "customer": "data.who",
            "paymentMethod": "data.methods[1]", "payment": "data.p", "reason": "data.r",
        ]
        let event = orderEvent(["total": ["cents": 5], "methods": ["pm_0", "pm_9"]])
        let configuration = paymentConfiguration.with("fields", fields).with("currency", "usd").with(
            "offSession", false)
        let (host, report) = try await charge(HTTPResponse(200, intent), event, configuration: configuration)
        #expect(report.outcome == .done)
        let form = try #require(host.requests.first).form
        #expect(form["amount"] == "5")
        #expect(form["currency"] == "usd")
        #expect(form["payment_method"] == "pm_9")
        #expect(form["metadata[order]"] == "eu/1001")
        #expect(form["customer"] == nil)
        #expect(form["off_session"] == nil)
    }

    @Test func `writes a key that no header takes, so that no two are alike`() async throws {
        var event = orderEvent()
        event.idempotencyKey = "payment.charge /shöp a%b\n"
        let (host, _) = try await charge(HTTPResponse(200, intent), event)
        #expect(host.requests.first?.header("idempotency-key") == "payment.charge /sh%C3%B6p a%25b%0A")
        event.idempotencyKey = String(repeating: "k", count: 256)
        let (silent, report) = try await charge(HTTPResponse(200, intent), event)
        #expect(report.reason.hasPrefix("long_key: "))
        #expect(silent.requests.isEmpty)
    }

    @Test func `refuses a configuration whose paths cannot be read`() {
        #expect(throws: TestHostError.self) {
            try TestHost(Charge.self, configuration: paymentConfiguration.with("fields", ["amount": "data..x"]))
        }
    }
}
