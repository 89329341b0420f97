import PatchbayEvents
import PatchbayModules
import PatchbayResilience

/// Events that a handler might get, drawn from a seed: of types that it says it takes, with data of every shape.
struct DrawnEvents {
    private let types: [String]
    private var random: SeededRandom
    private var count = 0

    init(for handler: Manifest.Handler, seed: UInt64) {
        let patterns = handler.accepts.isEmpty ? ["com.example.check"] : handler.accepts
        types = patterns.map { $0.replacing("**", with: "any.thing").replacing("*", with: "thing") }
        random = SeededRandom(seed: seed)
    }

    /// The next one; ids are unique.
    mutating func next() -> Event {
        count += 1
        var event = Event(
            id: "check-\(count)", source: draw(["/check", "https://example.com/a?b=c#d", "urn:x:1"]),
            type: draw(types))
        if Bool.random(using: &random) { event.subject = draw(["a", "ä/ö", String(repeating: "s", count: 500)]) }
        if Bool.random(using: &random) { event.time = "2026-01-02T03:04:05.678Z" }
        for index in 0..<Int.random(in: 0...3, using: &random) {
            event.extensions.append(Event.Extension("ext\(index)", draw(["1", "true", "text", "\u{1F50C}"])))
        }
        if Int.random(in: 0..<10, using: &random) == 0 {
            event.datacontenttype = "application/octet-stream"
            event.dataIsJSON = false
            event.data = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
        } else if Int.random(in: 0..<10, using: &random) > 0 {
            event.data = value(depth: 0).json
        }
        return event
    }

    private mutating func value(depth: Int) -> Value {
        switch Int.random(in: 0..<(depth < 3 ? 9 : 7), using: &random) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &random))
        case 2: return .int(draw([0, -1, 1, .max, .min, 1 << 53]))
        case 3: return .double(draw([0.5, -1e308, 2.5e-308]))
        case 4: return .string(draw(["", "text", "\u{0}\u{7F}\"\\", "\u{1F50C}ä"]))
        case 5: return .string(String(repeating: "x", count: draw([1_000, 70_000])))
        case 6: return .object([])
        case 7: return .list((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth + 1) })
        default:
            let names = ["a", "id", "amount", "name", "ü"].prefix(Int.random(in: 0...5, using: &random))
            return .object(names.map { ($0, value(depth: depth + 1)) })
        }
    }

    private mutating func draw<T>(_ choices: [T]) -> T { choices[Int.random(in: choices.indices, using: &random)] }
}
