extension Ledger {
    /// What does not add up when everything is counted anew; `nil` when all does. Takes time in proportion to what is
    /// pending.
    package var drift: String? {
        if let drift = pendingTable.drift ?? countDrift { return drift }
        if let delivery = failures.deliveries.keys.first(where: { !isPending($0) }) {
            return "\(text(delivery)) has failed attempts, but is not pending"
        }
        return letterDrift
    }

    /// The same of its counts alone, which takes no time.
    package var countDrift: String? {
        let pending = UInt64(pendingTable.pendingCount + redriven.count)
        if counts.pending != pending {
            return "deliveries: \(counts.created) created = \(counts.done) done + \(counts.skipped) skipped + "
                + "\(counts.dead) dead + \(counts.pending) pending, but \(pending) are pending"
        }
        if counts.events != nextPosition {
            return "events: \(counts.events) were accepted, but the next position is \(nextPosition)"
        }
        if counts.letters != UInt64(letters.keptCount) {
            return "dead letters: \(counts.dead) + \(counts.unmatched) unmatched = \(counts.redriven) redriven + "
                + "\(counts.purged) purged + \(counts.letters) kept, but \(letters.keptCount) are kept"
        }
        return nil
    }

    private var letterDrift: String? {
        for (delivery, letter) in redriven {
            guard letters[letter]?.state == .redriven else {
                return "\(text(delivery)) is redriven, but its dead letter \(letter) is not"
            }
            guard !pendingTable.isPending(position: delivery.position, handler: delivery.handler) else {
                return "\(text(delivery)) is redriven, and pending beside it"
            }
        }
        guard letters.count == letters.keptCount + redriven.count, Set(redriven.values).count == redriven.count else {
            return "\(letters.count - letters.keptCount) dead letters are redriven for \(redriven.count) deliveries"
        }
        if let id = letters.edits.keys.first(where: { letters[$0] == nil }) {
            return "dead letter \(id) is edited, but not kept"
        }
        return nil
    }
}
