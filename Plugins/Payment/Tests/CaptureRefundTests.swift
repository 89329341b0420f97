import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Payment

@Suite struct CaptureRefundTests {
    private let charged: JSON = ["providerId": "pi_1", "order": "eu/1001"]

    @Test func `captures a payment, in part where the event has an amount`() async throws {
        let host = try TestHost(Capture.self, configuration: paymentConfiguration)
        host.serve { _ in
            HTTPResponse(200, ["id": "pi_1", "status": "succeeded", "amount_received": 100, "currency": "eur"])
        }
        let report = try #require(await host.send(orderEvent(charged.with("amount", 100))))
        #expect(report.outcome == .done)
        let key = "payment.capture /shop order-1001-placed"
        let request = try #require(host.requests.first)
        #expect(request.url == "https://api.stripe.com/v1/payment_intents/pi_1/capture")
        #expect(request.header("idempotency-key") == key)
        #expect(
            request.form == [
                "amount_to_capture": "100", "metadata[patchbay_capture]": key, "metadata[order]": "eu/1001",
            ])
        #expect(report.emitted.map(\.type) == ["com.patchbay.payment.captured"])
        #expect(try JSON(parsing: report.emitted[0].data)["amount"] == 100)
    }

    /// An error that is kept for the key, a key that came with another request, and keys that may be forgotten.
    @Test(
        arguments: [
            (time(inHours: 0), 500, "api_error", "true"), (time(inHours: 0), 400, "idempotency_error", ""),
            ("2020-01-01T00:00:00Z", 400, "", ""), ("", 400, "", ""), (time(inHours: 2), 400, "", ""),
            (time(inHours: -22.5), 400, "", ""),
        ])
    func `finds a capture whose answer was lost`(time: String, status: Int, type: String, replayed: String) async throws
    {
        let host = try TestHost(Capture.self, configuration: paymentConfiguration)
        let key = "payment.capture /shop order-1001-placed"
        host.serve { request in
            guard request.method == "GET" else {
                return HTTPResponse(
                    status, ["error": ["type": .string(type)]], headers: [("idempotent-replayed", replayed)])
            }
            return HTTPResponse(
                200,
                [
                    "id": "pi_1", "status": "succeeded", "amount_received": 3390, "currency": "eur",
                    "metadata": ["patchbay_capture": .string(key)],
                ])
        }
        let report = try #require(await host.send(orderEvent(charged, time: time)))
        #expect(report.outcome == .done)
        #expect(report.emitted.map(\.type) == ["com.patchbay.payment.captured"])
    }

    @Test func `does not take the capture of another event for its own`() async throws {
        let host = try TestHost(Capture.self, configuration: paymentConfiguration)
        host.serve { request in
            guard request.method == "GET" else {
                return HTTPResponse(400, ["error": ["code": "payment_intent_unexpected_state"]])
            }
            return HTTPResponse(200, ["id": "pi_1", "status": "succeeded", "metadata": ["patchbay_capture": "other"]])
        }
        let report = try #require(await host.send(orderEvent(charged, time: "2020-01-01T00:00:00Z")))
        #expect(report.outcome == .fail)
        #expect(report.reason == "payment_intent_unexpected_state: status 400")
    }

    @Test func `refunds a part with its reason`() async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        host.serve { _ in
            HTTPResponse(
                200,
                ["id": "re_1", "status": "succeeded", "amount": 100, "currency": "eur", "payment_intent": "pi_1"])
        }
        let event = orderEvent(charged.with("amount", 100).with("reason", "duplicate"))
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(request.url == "https://api.stripe.com/v1/refunds")
        #expect(
            request.form == [
                "payment_intent": "pi_1", "amount": "100", "reason": "duplicate", "metadata[order]": "eu/1001",
                "metadata[patchbay_refund]": "payment.refund /shop order-1001-placed",
            ])
        #expect(report.emitted.map(\.type) == ["com.patchbay.payment.refunded"])
        #expect(try JSON(parsing: report.emitted[0].data)["providerId"] == "pi_1")
    }

    @Test(arguments: ["2020-01-01T00:00:00Z", "", time(inHours: 2), time(inHours: -22.5)])
    func `finds the refund of an old event on a later page and makes no other`(time: String) async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        let key = "payment.refund /shop order-1001-placed"
        host.serve { request in
            guard request.method == "GET" else { return HTTPResponse(200, ["id": "re_2", "status": "succeeded"]) }
            if request.query["starting_after"] == nil {
                return HTTPResponse(200, ["data": [["id": "re_9", "metadata": [:]]], "has_more": true])
            }
            let ours: JSON = [
                "id": "re_1", "status": "succeeded", "amount": 5, "payment_intent": "pi_1",
                "metadata": ["patchbay_refund": .string(key)],
            ]
            return HTTPResponse(200, ["data": [ours], "has_more": false])
        }
        var event = orderEvent(charged, time: time)
        // As when the dead letter was redriven to another instance.
        event.idempotencyKey = "payment-2.refund /shop order-1001-placed"
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        #expect(host.requests.map(\.method) == ["GET", "GET"])
    }

    @Test func `a refund of a key that came with another request is looked up`() async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        host.serve { request in
            guard request.method == "GET" else {
                return HTTPResponse(400, ["error": ["type": "idempotency_error"]])
            }
            let ours: JSON = [
                "id": "re_1", "status": "succeeded", "amount": 5, "payment_intent": "pi_1",
                "metadata": ["patchbay_refund": "payment.refund /shop order-1001-placed"],
            ]
            return HTTPResponse(200, ["data": [ours], "has_more": false])
        }
        #expect(await host.send(orderEvent(charged))?.outcome == .done)
    }

    @Test func `gives up on a list of refunds that does not end`() async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        host.serve { _ in HTTPResponse(200, ["data": [["id": "re_9"]], "has_more": true]) }
        let report = try #require(await host.send(orderEvent(charged, time: "")))
        #expect(report.outcome == .retry)
        #expect(report.reason.hasPrefix("bad_answer: "))
        #expect(host.requests.count == 100)
    }

    @Test func `a refund or capture that cannot be carried out is not called a declined card`() async throws {
        let refund = try TestHost(Refund.self, configuration: paymentConfiguration)
        let capture = try TestHost(Capture.self, configuration: paymentConfiguration)
        for (host, name) in [(refund, "refund_failed"), (capture, "capture_failed")] {
            host.serve { _ in HTTPResponse(402, ["error": ["code": "balance_insufficient"]]) }
            let report = try #require(await host.send(orderEvent(charged)))
            #expect(report.outcome == .fail)
            #expect(report.reason.hasPrefix("\(name): balance_insufficient"))
        }
    }

    @Test(arguments: [("failed", TestReport.Outcome.fail), ("pending", .done), ("canceled", .fail)])
    func `reads the status of a refund`(status: String, outcome: TestReport.Outcome) async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        host.serve { _ in HTTPResponse(200, ["id": "re_1", "status": .string(status)]) }
        let report = try #require(await host.send(orderEvent(charged)))
        #expect(report.outcome == outcome)
    }
}
