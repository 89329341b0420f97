package import CPatchbay

/// The attributes that tell a replay's events from those that came from outside.
package enum ReplayMark {
    /// The replay's id. What handlers emit from such an event has it, too.
    package static let attribute = "patchbayreplay"
    /// `true` when the replay was muted.
    package static let muted = "patchbaymuted"

    /// Whether attributes have a replay's id.
    package static func isOn(_ attributes: UnsafeBufferPointer<patchbay_kv>) -> Bool {
        attributes.contains { $0.key.bytes.elementsEqual(attribute.utf8) }
    }
}
