import CPatchbay
import PatchbayEvents

/// A `patchbay_span`: the call's slot (24 bits), the span's number in the call (8) and the generation's low 32 bits.
///
/// It names its call, since the functions on spans are not told which call they belong to.
struct SpanNumber {
    static let numberMax = 0xFF

    let value: patchbay_span

    init(_ value: patchbay_span) { self.value = value }

    init(call: patchbay_call, number: Int) {
        value = (call >> 24 & 0xFFFF_FFFF) << 32 | UInt64(number) << 24 | call & 0xFF_FFFF
    }

    var number: Int { Int(value >> 24 & 0xFF) }

    /// The call that is open in the slot, if the span can be one of its.
    func call(in calls: CallTable) -> patchbay_call? {
        let slot = Int(value & 0xFF_FFFF)
        guard number > 0, slot < calls.capacity else { return nil }
        let call = calls.call(at: slot)
        return call >> 24 & 0xFFFF_FFFF == value >> 32 ? call : nil
    }
}
