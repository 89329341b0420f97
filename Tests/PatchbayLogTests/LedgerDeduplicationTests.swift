import PatchbayLog
import Testing

@Suite struct LedgerDeduplicationTests {
    private func key(_ number: Int, scope: UInt32 = 0) -> DeduplicationKey {
        DeduplicationKey(high: UInt64(number), low: 0, scope: scope)
    }

    @Test func `admits a key once a window, from its first event on`() {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        #expect(window.admit(key(1), position: 5, now: 1000) == .first)
        #expect(window.admit(key(1), position: 6, now: 1099) == .duplicate(of: 5))
        #expect(window.admit(key(1, scope: 1), position: 6, now: 1099) == .first)
        #expect(window.original(key(1), now: 1099) == 5 && window.original(key(1), now: 1100) == nil)
        #expect(window.admit(key(1), position: 7, now: 1100) == .first)
        #expect(window.admit(key(1), position: 8, now: 1199) == .duplicate(of: 7))
    }

    @Test func `stands still when the clock goes back`() {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        #expect(window.admit(key(1), position: 1, now: 1000) == .first)
        #expect(window.admit(key(2), position: 2, now: 10) == .first)
        #expect(window.admit(key(2), position: 3, now: 1099) == .duplicate(of: 2))
        #expect(window.admit(key(2), position: 3, now: 1100) == .first)
    }

    @Test func `forgets the oldest key when it is full, and counts it`() {
        var window = DeduplicationWindow(window: 100, capacity: 3)
        for number in 1...4 { #expect(window.admit(key(number), position: UInt64(number), now: 1) == .first) }
        #expect(window.forgotten == 1 && window.count == 3)
        #expect(window.admit(key(2), position: 9, now: 1) == .duplicate(of: 2))
        #expect(window.admit(key(1), position: 9, now: 1) == .first)
    }

    @Test func `takes back what was not written`() {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        for number in 1...5 { _ = window.admit(key(number), position: UInt64(number), now: 1) }
        window.withdraw(from: 4)
        #expect(window.original(key(3), now: 1) == 3 && window.original(key(4), now: 1) == nil)
        #expect(window.admit(key(5), position: 4, now: 2) == .first)
        window.withdraw(from: 0)
        #expect(window.count == 0)
    }

    @Test func `gives memory back after a burst`() {
        var window = DeduplicationWindow(window: 100, capacity: 1 << 20)
        for number in 0..<20_000 { _ = window.admit(key(number), position: UInt64(number), now: 1) }
        #expect(window.memoryBytes < 20_000 * 120)
        for number in 0..<20 { _ = window.admit(key(number), position: 20_000, now: 200 + UInt64(number)) }
        #expect(window.memoryBytes < 128 << 10 && window.count == 20)
    }

    /// Keys that came, as plainly as possible.
    private struct Model {
        var keys: [(key: DeduplicationKey, position: UInt64, time: UInt64)] = []
        var latest: UInt64 = 0

        mutating func admit(
            _ key: DeduplicationKey, _ position: UInt64, _ now: UInt64, _ window: UInt64, _ capacity: Int
        ) -> DeduplicationWindow.Admission {
            latest = max(latest, now)
            keys.removeAll { latest - $0.time >= window }
            if let known = keys.first(where: { $0.key == key }) { return .duplicate(of: known.position) }
            if keys.count == capacity { keys.removeFirst() }
            keys.append((key, position, latest))
            return .first
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `says what a plain model says, with and without checkpoints in between`(seed: UInt64) throws {
        var random = TestRandom(seed)
        let capacity = [1, 7, 100, 1000][random.below(4)]
        var length: UInt64 = [1, 50, 5000][random.below(3)]
        var window = DeduplicationWindow(window: length, capacity: capacity)
        var model = Model()
        var now: UInt64 = 1 << 60
        var position: UInt64 = 0
        for _ in 0..<3000 {
            now = now &+ UInt64(random.below(20)) &- (random.chance(5) ? 100 : 0)
            // Few distinct homes in the table, so that keys collide.
            let key = DeduplicationKey(
                high: UInt64(random.below(40)), low: UInt64(random.below(3)) << 40, scope: UInt32(random.below(2)))
            let admission = window.admit(key, position: position, now: now)
            #expect(admission == model.admit(key, position, now, length, capacity), "seed \(seed)")
            if admission == .first { position += UInt64(random.below(3)) + 1 }
            #expect(window.count == model.keys.count && window.count <= capacity, "seed \(seed)")
            if random.chance(2) {
                let back = UInt64(random.below(20))
                let from = position > back ? position - back : 0
                window.withdraw(from: from)
                model.keys.removeAll { $0.position >= from }
            }
            if random.chance(2) {
                length = UInt64(1 + random.below(5000))
                window.window = length
            }
            if random.chance(2) {
                var writer = ByteWriter()
                window.encode(to: &writer)
                window = try DeduplicationWindow(writer.bytes, window: length, capacity: capacity)
            }
        }
    }

    @Test func `refuses or takes any bytes, and never traps`() throws {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        for number in 0..<5 { _ = window.admit(key(number), position: UInt64(number * 300), now: UInt64(number)) }
        var writer = ByteWriter()
        window.encode(to: &writer)
        let bytes = [UInt8](writer.bytes)
        for index in bytes.indices {
            #expect(throws: LogFormatError.self) {
                try bytes[..<index].withUnsafeBytes { _ = try DeduplicationWindow($0, window: 100, capacity: 10) }
            }
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var changed = bytes
                changed[index] = value
                do {
                    var read = try changed.withUnsafeBytes { try DeduplicationWindow($0, window: 100, capacity: 3) }
                    #expect(read.count <= 3)
                    _ = read.admit(key(77), position: .max, now: .max)
                    read.withdraw(from: 0)
                    #expect(read.count == 0)
                } catch is LogFormatError {}
            }
        }
    }
}
