/// The dead letters whose frames are still needed: kept ones, and redriven ones whose delivery has not ended.
struct LetterTable: Sendable {
    struct Letter {
        enum State: UInt8, BitwiseCopyable { case kept = 1, redriven = 2, gone = 3 }

        var sequence: UInt64
        var position: UInt64
        var location: FrameLocation
        var index: UInt32
        var handler: UInt16
        var state: State

        init(_ id: LetterID, _ delivery: DeliveryID, at location: FrameLocation, _ state: State) {
            sequence = id.sequence
            index = id.index
            position = delivery.position
            handler = delivery.handler
            self.location = location
            self.state = state
        }

        var id: LetterID { LetterID(sequence: sequence, index: index) }
        var delivery: DeliveryID { DeliveryID(position: position, handler: handler) }
    }

    /// Ascending by id.
    private var letters: ContiguousArray<Letter> = []
    /// The first that is not gone.
    private var start = 0
    private var goneBehindStart = 0
    /// Where the last edit of a letter lies.
    private(set) var edits: [LetterID: FrameLocation] = [:]
    private(set) var keptCount = 0

    /// Takes a letter in; false when its id is not the highest.
    mutating func append(_ letter: Letter) -> Bool {
        if let last = letters.last, last.id >= letter.id { return false }
        letters.append(letter)
        if letter.state == .kept { keptCount += 1 }
        return true
    }

    subscript(id: LetterID) -> Letter? {
        index(of: id).map { letters[$0] }
    }

    mutating func edit(_ id: LetterID, at location: FrameLocation) { edits[id] = location }

    /// The letter's delivery is pending again.
    mutating func redrive(_ id: LetterID) {
        guard let index = index(of: id) else { return }
        if letters[index].state == .kept { keptCount -= 1 }
        letters[index].state = .redriven
    }

    /// The letter is not needed any more.
    mutating func remove(_ id: LetterID) {
        guard let index = index(of: id) else { return }
        if letters[index].state == .kept { keptCount -= 1 }
        letters[index].state = .gone
        if !edits.isEmpty { edits[id] = nil }
        goneBehindStart += 1
        while start < letters.count, letters[start].state == .gone {
            start += 1
            goneBehindStart -= 1
        }
        let gone = start + goneBehindStart
        guard gone > letters.count - gone + 64 else { return }
        letters = ContiguousArray(letters[start...].filter { $0.state != .gone })
        start = 0
        goneBehindStart = 0
    }

    /// Letters that are not gone.
    var count: Int { letters.count - start - goneBehindStart }

    var oldestSequence: UInt64? { start < letters.count ? letters[start].sequence : nil }

    /// Visits what is not gone, from the first with a higher id, until `body` says false.
    func forEach(after id: LetterID?, _ body: (Letter) -> Bool) {
        let first = id.map { id in lowerBound(id, orEqual: false) } ?? start
        for letter in letters[max(start, first)...] where letter.state != .gone {
            guard body(letter) else { return }
        }
    }

    var memoryBytes: Int { letters.capacity * MemoryLayout<Letter>.stride + edits.capacity * 64 }

    private func index(of id: LetterID) -> Int? {
        let index = lowerBound(id, orEqual: true)
        return index < letters.count && letters[index].id == id && letters[index].state != .gone ? index : nil
    }

    private func lowerBound(_ id: LetterID, orEqual: Bool) -> Int {
        var low = start
        var high = letters.count
        while low < high {
            let middle = (low + high) / 2
            let isBehind = orEqual ? letters[middle].id >= id : letters[middle].id > id
            if isBehind { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
