package import CPatchbay
import PatchbayEvents
import PatchbayTelemetry

/// Why a service refuses what a module passed, as the status that it answers.
package struct ServiceRefusal: Error {
    package let status: patchbay_status

    static let badArgument = ServiceRefusal(status: .badArgument)
    static let limit = ServiceRefusal(status: .limit)
    static let badState = ServiceRefusal(status: .badState)
    static let stale = ServiceRefusal(status: .stale)
    static let notFound = ServiceRefusal(status: .notFound)
    static let conflict = ServiceRefusal(status: .conflict)
    static let unsupported = ServiceRefusal(status: .unsupported)

    /// `PATCHBAY_OK`, or the status that `body` was refused with.
    static func status(_ body: () throws(ServiceRefusal) -> Void) -> patchbay_status {
        do {
            try body()
            return .ok
        } catch {
            return error.status
        }
    }
}

/// Text and arrays that a module passes.
enum ForeignText {
    /// Valid UTF-8 of at most `max` bytes, copied.
    static func string(_ text: patchbay_str, max: Int) throws(ServiceRefusal) -> String {
        let bytes = try Self.bytes(text, max: max)
        guard let string = String(validating: bytes, as: UTF8.self) else { throw .badArgument }
        return string
    }

    /// Lends text of ours to a module for one call.
    static func lending<R>(_ text: String, _ body: (patchbay_str) -> R) -> R {
        var text = text
        return text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { body(patchbay_str(ptr: $0.baseAddress, len: UInt64($0.count))) }
        }
    }

    /// Copied text; cut at `max` bytes, with what is not UTF-8 replaced.
    static func lenient(_ text: patchbay_str, max: Int) -> String {
        String(decoding: text.bytes.prefix(max), as: UTF8.self)
    }

    /// At most `max` pairs, where they lie; empty for a null pointer.
    static func pairs(_ pairs: UnsafePointer<patchbay_kv>?, _ count: UInt64, max: Int) -> UnsafeBufferPointer<
        patchbay_kv
    > {
        UnsafeBufferPointer(start: pairs, count: pairs == nil ? 0 : Int(min(count, UInt64(max))))
    }

    /// Pairs as attributes of telemetry, copied and cut to the limits.
    static func attributes(
        _ pairs: UnsafePointer<patchbay_kv>?, _ count: UInt64, limits: HostEnvironment.Limits
    ) -> [Attribute] {
        Self.pairs(pairs, count, max: limits.fields).map { pair in
            Attribute(lenient(pair.key, max: limits.textBytes), .string(lenient(pair.value, max: limits.textBytes)))
        }
    }

    /// The bytes where they lie.
    static func bytes(_ text: patchbay_str, max: Int) throws(ServiceRefusal) -> UnsafeBufferPointer<UInt8> {
        guard text.len <= UInt64(max) else { throw .limit }
        guard text.ptr != nil || text.len == 0 else { throw .badArgument }
        return text.bytes
    }

    /// The same for a pointer and a length.
    static func bytes(_ base: UnsafePointer<UInt8>?, _ count: UInt64, max: Int) throws(ServiceRefusal) -> [UInt8] {
        guard count <= UInt64(max) else { throw .limit }
        guard count > 0 else { return [] }
        guard let base else { throw .badArgument }
        return Array(UnsafeBufferPointer(start: base, count: Int(count)))
    }
}
