import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Payment

@Suite struct CaptureRefundTests {
    private let charged: JSON = ["providerId": "pi_1", "order": "eu/1001"]
    private let key = "payment.charge /shop order-1001-placed"

    @Test func `captures a payment, in part where the event has an amount`() async throws {
        let host = try TestHost(Capture.self, configuration: paymentConfiguration)
        host.serve { _ in
            HTTPResponse(200, ["id": "pi_1", "status": "succeeded", "amount_received": 100, "currency": "eur"])
        }
        let report = try #require(await host.send(orderEvent(charged.with("amount", 100))))
        #expect(report.outcome == .done)
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

    @Test(arguments: [("2999-01-01T00:00:00Z", 500, "true"), ("2020-01-01T00:00:00Z", 400, "")])
    func `finds a capture whose answer was lost`(time: String, status: Int, replayed: String) async throws {
        let host = try TestHost(Capture.self, configuration: paymentConfiguration)
        let key = key
        host.serve { request in
            guard request.method == "GET" else {
                return HTTPResponse(status, ["error": [:]], headers: [("idempotent-replayed", replayed)])
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
                "payment_intent": "pi_1", "amount": "100", "reason": "duplicate", "metadata[patchbay_refund]": key,
                "metadata[order]": "eu/1001",
            ])
        #expect(report.emitted.map(\.type) == ["com.patchbay.payment.refunded"])
        #expect(try JSON(parsing: report.emitted[0].data)["providerId"] == "pi_1")
    }

    @Test func `finds the refund of an old event on a later page and makes no other`() async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        let key = key
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
        let report = try #require(await host.send(orderEvent(charged, time: "2020-01-01T00:00:00Z")))
        #expect(report.outcome == .done)
        #expect(host.requests.map(\.method) == ["GET", "GET"])
    }

    @Test(arguments: [("failed", TestReport.Outcome.fail), ("pending", .done), ("canceled", .fail)])
    func `reads the status of a refund`(status: String, outcome: TestReport.Outcome) async throws {
        let host = try TestHost(Refund.self, configuration: paymentConfiguration)
        host.serve { _ in HTTPResponse(200, ["id": "re_1", "status": .string(status)]) }
        let report = try #require(await host.send(orderEvent(charged)))
        #expect(report.outcome == outcome)
    }
}
