import PatchbayEvents
import PatchbayResilience

/// Whoever sends events: from outside, so that it outlives the processes that it sends to. What was not acknowledged is
/// sent again.
final class Source {
    /// One event; its number is its place.
    struct Sent {
        var id: String
        var type: String
        var subject: String
        var line: String
    }

    private(set) var sent: [Sent] = []
    /// Numbers of events that are still to be sent, the next one last.
    private var waiting: [Int] = []
    /// Sent to this process and not acknowledged.
    private var underWay: [(batch: EventBatch, numbers: [Int])] = []
    private var nextAt: UInt64 = 0
    /// Acknowledged at least once.
    private(set) var acknowledged: Set<Int> = []
    private(set) var resent = 0
    /// Times that one that is to be taken once was acknowledged again.
    private(set) var duplicates = 0

    /// Types that events come as, besides one that no route takes.
    private static let types: [Scenario.Part] = [
        .keyed, .fan, .once, .emitting, .counting, .streaming, .timed, .fragile, .dying, .absent, .subscribing,
    ]

    init(_ random: inout SeededRandom) { waiting = make(Scenario.eventCountMin, &random).reversed() }

    /// Makes more events: their numbers in the order in which they are to be sent.
    private func make(_ count: Int, _ random: inout SeededRandom) -> [Int] {
        let first = sent.count
        for number in first..<(first + count) {
            let choice = Int(random.upTo(UInt64(2 * Self.types.count)))
            let type = choice == 2 * Self.types.count ? Scenario.stray : Self.types[choice / 2].rawValue
            let (id, subject) = ("e\(number)", "k\(random.upTo(7))")
            let data = String(repeating: "x", count: Int(random.upTo(200)))
            sent.append(
                Sent(
                    id: id, type: type, subject: subject,
                    line: #"{"specversion":"1.0","id":"\#(id)","source":"/sim","type":"\#(type)","#
                        + #""subject":"\#(subject)","data":"\#(data)"}"#))
        }
        // Some of those that are to be taken once come twice, apart from each other.
        var order = Array(first..<sent.count)
        for number in order where sent[number].type == Scenario.Part.once.rawValue && random.next() & 1 == 0 {
            order.insert(number, at: Int(random.upTo(UInt64(order.count))))
        }
        return order
    }

    /// How many are held back for later processes.
    private(set) var heldBack = 0

    /// Holds events back; makes more where this process would have next to none.
    func holdBack(_ count: Int, _ random: inout SeededRandom) {
        heldBack = count
        if count > 0, waiting.count < count + 20 { waiting.insert(contentsOf: make(40, &random).reversed(), at: 0) }
    }

    /// Nothing is left to send or to acknowledge.
    var isDone: Bool { waiting.isEmpty && underWay.isEmpty }

    /// When there is something to send; monotonic nanoseconds.
    var due: UInt64 { waiting.count <= heldBack ? .max : nextAt }

    /// The numbers of the next events.
    func take(now: UInt64, _ random: inout SeededRandom) -> [Int] {
        let count = min(waiting.count - heldBack, 1 + Int(random.upTo(20)))
        let numbers = Array(waiting.suffix(count).reversed())
        waiting.removeLast(count)
        nextAt = now + random.upTo(3_000_000)
        return numbers
    }

    /// These went out in a batch.
    func left(_ numbers: [Int], in batch: EventBatch) { underWay.append((batch, numbers)) }

    /// A batch was accepted, or held nothing new.
    func acknowledge(_ batch: EventBatch) {
        guard let place = underWay.firstIndex(where: { $0.batch === batch }) else { return }
        for number in underWay.remove(at: place).numbers where !acknowledged.insert(number).inserted {
            if sent[number].type == Scenario.Part.once.rawValue { duplicates += 1 }
        }
    }

    /// The process is gone: what it did not acknowledge is sent to the next one, first.
    func reconnect() {
        let lost = underWay.flatMap(\.numbers)
        resent += lost.count
        waiting += lost.reversed()
        underWay.removeAll()
        nextAt = 0
    }
}
