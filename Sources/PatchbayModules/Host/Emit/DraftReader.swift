import CPatchbay
import PatchbayEvents

/// Copies and checks a `patchbay_draft`.
enum DraftReader {
    /// Attribute names that the structure has fields for, and CloudEvents' own.
    private static let reserved: Set<String> = [
        "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "specversion", "data",
        "data_base64",
    ]
    private static let extensionsMax = 64

    /// - Errors: `PATCHBAY_E_ARG` for a missing type, a malformed attribute or JSON data that is none;
    ///   `PATCHBAY_E_LIMIT` for more than `limits.eventBytes`.
    /// - Source: CloudEvents 1.0, sections 3 and 3.1
    static func event(
        _ draft: UnsafePointer<patchbay_draft>?, scope: HandlerScope, limits: HostEnvironment.Limits
    ) throws(ServiceRefusal) -> EmittedEvent {
        guard let draft, Int(draft.pointee.size) >= sizeMin else { throw .badArgument }
        var room = limits.eventBytes
        let view = draft.pointee
        guard let type = try attribute(view.type, &room) else { throw .badArgument }
        let source = try attribute(view.source, &room) ?? "//patchbay/\(scope.instance)/\(scope.handler)"
        var event = Event(
            id: try attribute(view.id, &room) ?? "", source: source, type: type,
            subject: try attribute(view.subject, &room), datacontenttype: try attribute(view.datacontenttype, &room))
        event.extensions = try extensions(view, &room)
        if view.data_len > 0 {
            let data = try ForeignText.bytes(view.data, view.data_len, max: room)
            event.datacontenttype = event.datacontenttype ?? "application/json"
            event.dataIsJSON = event.datacontenttype.map(Event.isJSON(contentType:)) ?? true
            event.data = data
        }
        guard EventText.isValid(event, limits: limits) else { throw .badArgument }
        return EmittedEvent(event: event, notBefore: view.not_before_ns)
    }

    /// All fields of the structure's first revision.
    private static var sizeMin: Int {
        (MemoryLayout<patchbay_draft>.offset(of: \.not_before_ns) ?? 0) + MemoryLayout<UInt64>.size
    }

    /// `nil` for an absent attribute.
    private static func attribute(_ text: patchbay_str, _ room: inout Int) throws(ServiceRefusal) -> String? {
        guard text.len > 0 else { return nil }
        let string = try ForeignText.string(text, max: room)
        guard isAttributeText(string) else { throw .badArgument }
        room -= string.utf8.count
        return string
    }

    private static func extensions(
        _ view: patchbay_draft, _ room: inout Int
    ) throws(ServiceRefusal) -> [Event.Extension] {
        guard view.ext_count <= UInt64(extensionsMax) else { throw .limit }
        guard view.ext_count == 0 || view.ext != nil else { throw .badArgument }
        var found: [Event.Extension] = []
        for pair in ForeignText.pairs(view.ext, view.ext_count, max: extensionsMax) {
            guard let name = try attribute(pair.key, &room), isName(name), !reserved.contains(name),
                !found.contains(where: { $0.name == name })
            else { throw .badArgument }
            found.append(Event.Extension(name, try attribute(pair.value, &room) ?? ""))
        }
        return found
    }

    private static func isName(_ name: String) -> Bool {
        name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }

    /// No control characters and no noncharacters.
    static func isAttributeText(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            let value = scalar.value
            return value >= 0x20 && !(0x7F...0x9F).contains(value) && !(0xFDD0...0xFDEF).contains(value)
                && value & 0xFFFE != 0xFFFE
        }
    }
}
