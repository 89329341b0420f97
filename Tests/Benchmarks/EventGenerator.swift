import Foundation

/// Order events of our own making, for when the shared generator is not there: ten types, a quarter of the amounts above
/// 1000, one line of about 320 bytes each. The same seed gives the same text.
enum EventGenerator {
    private static let types = [
        "order.created", "order.paid", "order.shipped", "order.cancelled", "user.registered", "user.login",
        "payment.failed", "payment.refunded", "cart.updated", "inventory.low",
    ]

    /// The text, and how many events the routes A, B and C of W1 must get.
    static func make(count: Int) -> (text: Data, expected: [Int]) {
        var state: UInt64 = 0x5EED
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        var text = Data(capacity: count * 330)
        var expected = [0, 0, 0]
        for index in 0..<count {
            let type = min(Int(next() % 10), Int(next() % 10))
            let user = next() % 100_000
            let amount = Double(next() % 1_333_333) / 1000
            let cents = String(format: "%.2f", amount)
            let isLarge = (Double(cents) ?? 0) > 1000
            expected[type == 0 && isLarge ? 0 : (1...3).contains(type) ? 1 : 2] += 1
            text.append(
                Data(
                    """
                    {"specversion":"1.0","id":"\(String(next(), radix: 16))","source":"/shop/eu-\(next() % 4)",\
                    "type":"com.shop.\(types[type])","subject":"user/\(user)","time":"2026-01-01T00:00:00.000Z",\
                    "partitionkey":"u\(user)","data":{"order_id":\(1_000_000 + index),"user_id":\(user),\
                    "amount":\(cents),"country":"DE","items":[{"sku":"SKU-\(next() % 100_000)","qty":1}]}}\n
                    """.utf8))
        }
        return (text, expected)
    }
}
