import PatchbayEvents
import PatchbayTelemetry

/// Attribute values that modules pass as JSON.
enum SpanAttribute {
    /// A string, number or boolean, or an array of one of these; `nil` for everything else.
    static func value(ofJSON text: String) -> AttributeValue? {
        do throws(CloudEventsError) {
            return value(of: try JSONText.parse(Array(text.utf8)))
        } catch {
            return nil
        }
    }

    private static func value(of value: Value) -> AttributeValue? {
        guard case .list(let items) = value else { return scalar(value) }
        let scalars = items.compactMap(scalar)
        guard scalars.count == items.count, Set(scalars.map(kind)).count <= 1 else { return nil }
        return .array(scalars)
    }

    private static func scalar(_ value: Value) -> AttributeValue? {
        switch value {
        case .string(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .uint(let number): .double(Double(number))
        case .double(let number): .double(number)
        default: nil
        }
    }

    private static func kind(_ value: AttributeValue) -> Int {
        switch value {
        case .string: 0
        case .bool: 1
        case .int: 2
        case .double: 3
        case .array: 4
        }
    }
}
