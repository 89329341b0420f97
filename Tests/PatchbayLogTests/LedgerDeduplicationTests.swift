import PatchbayLog
import Testing

@Suite struct LedgerDeduplicationTests {
    private func key(_ number: Int) -> DeduplicationKey {
        DeduplicationKey(high: UInt64(number), low: 0)
    }

    @Test func `admits a key once a window, from its first event on`() {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        #expect(window.admit(key(1), now: 1000) == true)
        #expect(window.admit(key(1), now: 1099) == false)
        #expect(window.admit(key(1), now: 1100) == true)
        #expect(window.admit(key(1), now: 1199) == false)
    }

    @Test func `stands still when the clock goes back`() {
        var window = DeduplicationWindow(window: 100, capacity: 10)
        #expect(window.admit(key(1), now: 1000) == true)
        #expect(window.admit(key(2), now: 10) == true)
        #expect(window.admit(key(2), now: 1099) == false)
        #expect(window.admit(key(2), now: 1100) == true)
    }

    @Test func `forgets the oldest key when it is full, and counts it`() {
        var window = DeduplicationWindow(window: 100, capacity: 3)
        for number in 1...4 { #expect(window.admit(key(number), now: 1) == true) }
        #expect(window.forgotten == 1 && window.count == 3)
        #expect(window.admit(key(2), now: 1) == false)
        #expect(window.admit(key(1), now: 1) == true)
    }

    @Test func `gives memory back after a burst`() {
        var window = DeduplicationWindow(window: 100, capacity: 1 << 20)
        for number in 0..<20_000 { _ = window.admit(key(number), now: 1) }
        #expect(window.memoryBytes < 20_000 * 120)
        for number in 0..<20 { _ = window.admit(key(number), now: 200 + UInt64(number)) }
        #expect(window.memoryBytes < 128 << 10 && window.count == 20)
    }

    /// Keys that came, as plainly as possible.
    private struct Model {
        var keys: [(key: DeduplicationKey, time: UInt64)] = []
        var latest: UInt64 = 0

        mutating func admit(
            _ key: DeduplicationKey, _ now: UInt64, _ window: UInt64, _ capacity: Int
        ) -> Bool {
            latest = max(latest, now)
            keys.removeAll { latest - $0.time >= window }
            if keys.contains(where: { $0.key == key }) { return false }
            if keys.count == capacity { keys.removeFirst() }
            keys.append((key, latest))
            return true
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
        for _ in 0..<3000 {
            now = now &+ UInt64(random.below(20)) &- (random.chance(5) ? 100 : 0)
            // Few distinct homes in the table, so that keys collide.
            let key = DeduplicationKey(
                high: UInt64(random.below(40)), low: UInt64(random.below(3)) << 40)
            let admission = window.admit(key, now: now)
            #expect(admission == model.admit(key, now, length, capacity), "seed \(seed)")
            #expect(window.count == model.keys.count && window.count <= capacity, "seed \(seed)")
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
        for number in 0..<5 { _ = window.admit(key(number), now: UInt64(number)) }
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
                    _ = read.admit(key(77), now: .max)
                } catch is LogFormatError {}
            }
        }
    }
}
