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
                "capture_method": "automatic", "off_session": "true",
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
            (400, "idempotency_error", nil, .retry, false, "idempotency_mismatch"),
            (405, "invalid_request_error", nil, .fail, true, "invalid_request"),
            (410, "invalid_request_error", nil, .fail, true, "invalid_request"),
            (413, "invalid_request_error", nil, .fail, true, "invalid_request"),
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

    @Test(arguments: [(500, "api_error", "true"), (400, "idempotency_error", "")])
    func `looks up what became of a key that answers an error for ever`(
        status: Int, type: String, replayed: String
    ) async throws {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        let intent = intent
        host.serve { request in
            if request.method == "GET" { return HTTPResponse(200, ["data": [intent]]) }
            return HTTPResponse(status, error(type, nil, ""), headers: [("idempotent-replayed", replayed)])
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
        #expect(form["error_on_requires_action"] == "true")
    }

    @Test func `does not fail a charge that another request of its key may have made`() async throws {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        host.serve { request in
            if request.method == "GET" { return HTTPResponse(200, ["data": []]) }
            return HTTPResponse(400, error("idempotency_error", nil, ""))
        }
        let report = try #require(await host.send(orderEvent()))
        #expect(report.outcome == .retry)
        #expect(report.reason.hasPrefix("idempotency_mismatch: "))
    }

    @Test(arguments: ["", time(inHours: 2), time(inHours: -22.5), "no time"])
    func `looks a charge up before it posts where the API may have forgotten the key`(time: String) async throws {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        let intent = intent
        host.serve { request in
            HTTPResponse(200, request.method == "GET" ? ["data": [intent]] : intent)
        }
        let report = try #require(await host.send(orderEvent(time: time)))
        #expect(report.outcome == .done)
        #expect(host.requests.map(\.method) == ["GET"])
    }

    @Test func `sends nothing for an event whose time would make it look young for too long`() async throws {
        let (host, report) = try await charge(HTTPResponse(200, intent), orderEvent(time: time(inHours: 16)))
        #expect(report.outcome == .fail)
        #expect(report.sparesBreaker)
        #expect(report.reason.hasPrefix("time_ahead: "))
        #expect(host.requests.isEmpty)
    }

    @Test func `writes a key that no header takes, so that no two are alike`() async throws {
        func key(_ source: String, _ id: String) async throws -> String {
            var event = orderEvent()
            event.source = source
            event.id = id
            let (host, report) = try await charge(HTTPResponse(200, intent), event)
            #expect(report.outcome == .done)
            return try #require(host.requests.first?.header("idempotency-key"))
        }
        #expect(try await key("/shöp", "a%b\n") == "payment.charge /sh%C3%B6p a%25b%0A")
        #expect(try await key("/shop a", "b") != key("/shop", "a b"))
        for count in [255, 256, 448, 5000] {
            let id = String(repeating: "k", count: count - "payment.charge /shop ".count)
            let whole = "payment.charge /shop \(id)"
            let written = try await key("/shop", id)
            #expect(
                count == 255 ? written == whole : written.hasPrefix("payment.charge sha256=") && written.count == 86)
            #expect(try await key("/shop", id + "k") != written)
        }
    }

    @Test func `an instance of another name has the same key`() async throws {
        var event = orderEvent()
        event.idempotencyKey = "payment-2.charge /shop order-1001-placed"
        let (host, _) = try await charge(HTTPResponse(200, intent), event)
        #expect(host.requests.first?.header("idempotency-key") == "payment.charge /shop order-1001-placed")
        #expect(host.requests.first?.form["metadata[patchbay_charge]"] == "payment.charge /shop order-1001-placed")
    }

    @Test func `sends and emits no card number that an event has for its id or subject`() async throws {
        var event = orderEvent(order.with("order", nil))
        event.id = "4242424242424242"
        event.subject = "for 4242 4242 4242 4242 12/25"
        let (host, report) = try await charge(HTTPResponse(200, intent), event)
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(!"\(request.headers) \(request.form)".contains("4242"))
        let draft = try #require(report.emitted.first)
        #expect(draft.subject == "[removed]")
        #expect(try JSON(parsing: draft.data)["id"] == "[removed]")
    }

    @Test(arguments: [
        ("http://127.0.0.1:8181", true), ("http://localhost", true), ("http://[::1]:12111/x", true),
        ("http://127.8.9.10/", true), ("https://pay.example.com", true), ("http://pay.example.com", false),
        ("http://127.0.0.1.example.com", false), ("http://127.evil.example.com", false), ("http://10.0.0.1", false),
        ("http://localhost@evil.example.com", false), ("http://localhost:1@evil.example.com", false),
        ("http://[::1]evil.example.com", false), ("http://[::2]", false),
    ])
    func `sends its key readable on this machine alone`(url: String, isPrivate: Bool) {
        let configuration = paymentConfiguration.with("baseURL", .string(url))
        var isMade = true
        do {
            _ = try TestHost(Charge.self, configuration: configuration)
        } catch {
            isMade = false
            #expect("\(error)".contains("baseURL"))
        }
        #expect(isMade == isPrivate)
    }

    @Test func `refuses a configuration whose paths cannot be read`() {
        #expect(throws: TestHostError.self) {
            try TestHost(Charge.self, configuration: paymentConfiguration.with("fields", ["amount": "data..x"]))
        }
    }
}
