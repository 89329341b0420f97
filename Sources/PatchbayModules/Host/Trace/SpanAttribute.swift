import PatchbayEvents
import PatchbayTelemetry

/// Attribute values that modules pass as JSON.
enum SpanAttribute {
    /// A string, number or boolean; an array keeps its JSON text; `nil` for everything else.
    static func value(ofJSON text: String) -> AttributeValue? {
        let value: Value
        do {
            value = try JSONText.parse(Array(text.utf8))
        } catch {
            return nil
        }
        return switch value {
        case .string(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .uint(let number): .double(Double(number))
        case .double(let number): .double(number)
        case .list: .string(text)
        default: nil
        }
    }
}
