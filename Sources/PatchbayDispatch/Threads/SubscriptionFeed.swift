package import PatchbayEvents
package import PatchbayLog

/// What handlers have subscribed to, as the dispatcher asks for it. Subscriptions are told apart by their key hashes.
///
/// All closures are called on the dispatcher's thread and return promptly: what has to be read from disk is read
/// elsewhere, and is there when it is asked for again.
package final class SubscriptionFeed: Sendable {
    /// Does what a call of the lane's handler wants, and writes down how its subscriptions stand then.
    package let change: @Sendable (_ lane: Int, _ changes: [SubscriptionChange], _ records: inout ByteWriter) -> Void
    /// Whether `take` may have something.
    package let hasWork: @Sendable () -> Bool
    /// The next events of subscriptions whose lane `isOpen`; that they are delivered is written down, to be committed
    /// together with them. No more than their handlers may have unsettled, and than one frame should have.
    package let take: @Sendable (_ isOpen: (_ lane: Int) -> Bool, _ records: inout ByteWriter) -> [Reentry]
    /// Deliveries have ended, one for each key hash.
    package let ended: @Sendable (_ keyHashes: [UInt64]) -> Void
    /// Deliveries of an earlier run are pending here, one for each key hash.
    package let resumed: @Sendable (_ keyHashes: [UInt64]) -> Void
    /// A lane has opened.
    package let opened: @Sendable () -> Void
    /// Whether more will come without anybody doing anything.
    package let mayGoOn: @Sendable () -> Bool

    package init(
        change: @escaping @Sendable (Int, [SubscriptionChange], inout ByteWriter) -> Void,
        hasWork: @escaping @Sendable () -> Bool,
        take: @escaping @Sendable ((Int) -> Bool, inout ByteWriter) -> [Reentry],
        ended: @escaping @Sendable ([UInt64]) -> Void, resumed: @escaping @Sendable ([UInt64]) -> Void,
        opened: @escaping @Sendable () -> Void, mayGoOn: @escaping @Sendable () -> Bool
    ) {
        self.change = change
        self.hasWork = hasWork
        self.take = take
        self.ended = ended
        self.resumed = resumed
        self.opened = opened
        self.mayGoOn = mayGoOn
    }
}
