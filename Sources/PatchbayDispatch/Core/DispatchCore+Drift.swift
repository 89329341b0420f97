extension DispatchCore {
    /// What does not add up between the counts and what is really there; `nil` when all does. Takes time in proportion
    /// to the lanes.
    package var drift: String? {
        let present = deliveries.used + unloaded
        if counts.pending != UInt64(present) {
            return "\(counts.created) deliveries created = \(counts.done) done + \(counts.skipped) skipped + "
                + "\(counts.dead) dead + \(counts.pending) pending, but \(present) are there"
        }
        var sum = DispatchCounts()
        for lane in 0..<plan.lanes.count {
            let counts = laneCounts(lane)
            sum.created += counts.created
            sum.done += counts.done
            sum.skipped += counts.skipped
            sum.dead += counts.dead
        }
        guard sum.created == counts.created, sum.done == counts.done, sum.skipped == counts.skipped,
            sum.dead == counts.dead
        else {
            return "\(counts.created) deliveries created, \(counts.done) done, \(counts.skipped) skipped, "
                + "\(counts.dead) dead, but by lane \(sum.created), \(sum.done), \(sum.skipped), \(sum.dead)"
        }
        return nil
    }
}
