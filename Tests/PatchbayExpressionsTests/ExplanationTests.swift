import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct ExplanationTests {
    private func explain(_ source: String) throws -> Explanation {
        let plan = FieldPlan()
        let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: plan))
        let event = EventFields(plan, ["type": .text("order"), "data.amount": .int(250), "data.vip": .bool(false)])
        return withExtendedLifetime(event) { expression.explain(event.slots) }
    }

    @Test(arguments: [
        (
            "event.type == 'order' && event.data.amount > 1000", Match.no,
            #"event.data.amount > 1000 is false: event.data.amount = 250"#
        ),
        (
            "event.type == 'paid' || (event.data.vip || event.data.amount > 100)", .yes,
            "event.data.amount > 100 is true: event.data.amount = 250"
        ),
        (
            "event.type == 'order' && event.data.amount > 100", .yes,
            #"event.type == 'order' && event.data.amount > 100 is true: event.type = "order", event.data.amount = 250"#
        ),
        ("!(event.data.vip == false)", .no, "(event.data.vip == false) is true: event.data.vip = false"),
        (
            "event.type == 'order' && event.data.total * 2 > 5", .error(.noSuchKey),
            "event.data.total * 2 > 5 is an error (there is no event.data.total): event.data.total = absent"
        ),
        (
            "event.data.vip ? false : event.data.amount in [1, 2]", .no,
            "event.data.amount in [1, 2] is false: event.data.amount = 250"
        ),
        ("has(event.data.total) && event.data.total > 1", .no, "has(event.data.total) is false"),
    ])
    func `names the smallest part that decided`(source: String, match: Match, text: String) throws {
        let explanation = try explain(source)
        #expect(explanation.match == match)
        #expect(explanation.description == text)
    }
}
