import Testing

@testable import Payment

@Suite struct CardDataTests {
    @Test(arguments: [
        "4242424242424242", "4242 4242 4242 4242", "card 5555-5555-5555-4444.", "378282246310005", "6011111111111117",
        "４２４２４２４２４２４２４２４２", "30569309025904", "3566002020360505", "4222222222222",
        "4242 4242 4242 4242 12/25", "7 4242424242424242", "12-4242-4242-4242-4242-123", "1 2 4242424242424242 3 4",
    ]) func `knows a card number however it is written`(text: String) {
        #expect(CardData.isNumber(text))
        #expect(!CardData.removed(from: text).contains { $0.isNumber })
    }

    @Test(arguments: [
        "pm_1PgafTB7WZ01zgkW", "eu/1001", "4242424242424241", "1234567890123456789", "2026-03-02T09:00:01Z", "",
        "74242424242424242", "550e8400-e29b-41d4-a716-446655440000", "2026-03-02 09-00-01 12/25",
    ])
    func `takes other values for what they are`(text: String) {
        #expect(!CardData.isNumber(text))
    }

    @Test func `removes security codes and last digits from messages`() {
        let message = "Your card 4242 4242 4242 4242 (ending 4242), code 123, expires 12/34: declined in 2 tries"
        #expect(
            CardData.removed(from: message)
                == "Your card [removed] (ending [removed]), code [removed], expires [removed]: declined in 2 tries")
    }
}
