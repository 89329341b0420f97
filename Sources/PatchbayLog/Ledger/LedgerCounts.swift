/// Running totals since the data folder was made. Deliveries: created = done + skipped + dead + pending. Dead letters:
/// dead + unmatched = kept + redriven + purged.
package struct LedgerCounts: Sendable, Equatable {
    /// Events that were accepted.
    package var events: UInt64 = 0
    /// Of these, without a delivery: no route took them.
    package var eventsWithoutDeliveries: UInt64 = 0
    /// Deliveries, redriven ones included.
    package var created: UInt64 = 0
    package var done: UInt64 = 0
    package var skipped: UInt64 = 0
    package var dead: UInt64 = 0
    /// Dead letters of events that no handler was given.
    package var unmatched: UInt64 = 0
    /// Failed attempts that are repeated.
    package var retries: UInt64 = 0
    /// Failed attempts that stopped their lane.
    package var halts: UInt64 = 0
    /// Dead letters that became a delivery, or an event, again.
    package var redriven: UInt64 = 0
    /// Dead letters that were thrown away.
    package var purged: UInt64 = 0
    /// Edits of dead letters; one letter may have had several.
    package var edited: UInt64 = 0

    package init() {}

    /// Deliveries that have not ended.
    package var pending: UInt64 { created &- done &- skipped &- dead }
    /// Dead letters that are kept: neither redriven nor purged.
    package var letters: UInt64 { dead &+ unmatched &- redriven &- purged }
}
