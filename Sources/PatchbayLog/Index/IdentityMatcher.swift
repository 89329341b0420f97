import CPatchbay
import CPatchbayJSON
import Glibc
import PatchbayEvents

/// Compares events with a source and an id: hashes may be alike.
struct IdentityMatcher: ~Copyable {
    private static let extensionsMax = EventBatch.extensionsMax
    private let decoder: OpaquePointer
    private let plan: OpaquePointer
    private let arena: OpaquePointer
    private let event: UnsafeMutablePointer<pbj_event>
    private let extensions: UnsafeMutablePointer<patchbay_kv>
    private var text: UnsafeMutablePointer<CChar>
    private var capacity = 4096

    init() {
        plan = pbj_plan_new()
        // What the log holds was accepted under whatever limits there were.
        decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 30, nesting: 1024), plan)
        arena = pbj_arena_new()
        event = .allocate(capacity: 1)
        extensions = .allocate(capacity: Self.extensionsMax)
        text = .allocate(capacity: capacity + EventBatch.padding)
    }

    deinit {
        pbj_decoder_free(decoder)
        pbj_plan_free(plan)
        pbj_arena_free(arena)
        event.deallocate()
        extensions.deallocate()
        text.deallocate()
    }

    /// Whether `line` is an event of this source with this id.
    mutating func isEvent(_ line: [UInt8], source: String, id: String) -> Bool {
        if line.count > capacity {
            text.deallocate()
            capacity = line.count
            text = .allocate(capacity: capacity + EventBatch.padding)
        }
        line.withUnsafeBytes {
            UnsafeMutableRawPointer(text).copyMemory(
                from: $0.baseAddress ?? UnsafeRawPointer(text), byteCount: $0.count)
        }
        (UnsafeMutableRawPointer(text) + line.count).initializeMemory(
            as: UInt8.self, repeating: 0, count: EventBatch.padding)
        pbj_arena_reset(arena)
        var batch = pbj_batch()
        batch.text = UnsafePointer(text)
        batch.end = UInt32(line.count)
        batch.events = event
        batch.ext = extensions
        batch.capacity = 1
        batch.ext_capacity = UInt32(Self.extensionsMax)
        batch.arena = arena
        pbj_decode(decoder, &batch)
        guard batch.count == 1, event.pointee.error == PBJ_OK.rawValue else { return false }
        return isEqual(event.pointee.id, id) && isEqual(event.pointee.source, source)
    }

    private func isEqual(_ span: pbj_span, _ other: String) -> Bool {
        let isInArena = span.offset & PBJ_ARENA != 0
        let start = Int(span.offset & ~PBJ_ARENA)
        guard other.utf8.count == Int(span.length), span.length > 0 else { return false }
        guard let base = isInArena ? pbj_arena_base(arena) : UnsafePointer(text) else { return false }
        var other = other
        return other.withUTF8 { other in
            other.baseAddress.map { memcmp($0, base + start, other.count) == 0 } ?? false
        }
    }
}
