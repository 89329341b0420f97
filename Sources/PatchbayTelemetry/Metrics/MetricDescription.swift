/// What kind of instrument: how values combine.
package enum MetricKind: Hashable, Sendable {
    case counter, upDown, gauge, histogram
    /// The host's own counters, in whole numbers.
    case wholeCounter

    /// - Parameter abi: a `PATCHBAY_METER_…` number; `nil` for an unknown one.
    package init?(abi: Int32) {
        switch abi {
        case 1: self = .counter
        case 2: self = .upDown
        case 3: self = .gauge
        case 4: self = .histogram
        default: return nil
        }
    }
}

/// An instrument's identity and meaning.
package struct MetricDescription: Hashable, Sendable {
    package var name: String
    package var kind: MetricKind
    /// UCUM, such as `By`, `s` or `{event}`.
    package var unit: String
    package var help: String
    /// The module instance that declared it; empty for the host's own.
    package var scope = ""

    package init(name: String, kind: MetricKind, unit: String, help: String) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
    }

    /// - Source: OpenTelemetry metrics API, "Instrument name syntax"
    var hasValidName: Bool {
        guard let first = name.utf8.first, isLetter(first), name.utf8.count <= 255 else { return false }
        return name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || "_.-/".utf8.contains($0) }
    }

    private func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte | 0x20) }
}

/// Why an instrument was not declared.
package struct MetricsError: Error, Hashable, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let name = Code(rawValue: "metrics.name")
        package static let conflict = Code(rawValue: "metrics.conflict")
        package static let limit = Code(rawValue: "metrics.limit")
    }

    package var code: Code
    package var message: String
    /// Scope and name.
    package var location: String

    init(_ code: Code, _ message: String, location: String) {
        self.code = code
        self.message = message
        self.location = location
    }

    package var description: String { "\(location): \(message) [\(code.rawValue)]" }
}
