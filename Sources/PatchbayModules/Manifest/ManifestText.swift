/// Rules for the texts of a manifest, which are printed before anything of the module is trusted. The schema,
/// `manifest.schema.json`, has the same ones.
enum ManifestText {
    static let descriptionCharactersMax = 1024
    static let itemCharactersMax = 256
    static let itemsMax = 256

    /// Why `text` may not be printed; `nil` when it may. `max` counts Unicode scalars, as JSON Schema does.
    static func problem(of text: String, max: Int) -> String? {
        if text.unicodeScalars.count > max { return "must have at most \(max) characters" }
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return isPlain ? nil : "must not hold control characters"
    }

    /// Why `text` does not name a service, as `patchbay.http/1` does.
    static func serviceProblem(of text: String) -> String? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let isService =
            parts.count == 2 && !parts[1].isEmpty && parts[1].utf8.allSatisfy(isDigit)
            && parts[0].split(omittingEmptySubsequences: false, whereSeparator: { $0 == "." || $0 == "-" })
                .allSatisfy { word in !word.isEmpty && word.utf8.allSatisfy { isDigit($0) || isLetter($0) } }
        return isService ? nil : "must name a service with its major version, as patchbay.logger/1"
    }

    /// Why `text` is not a type pattern, as `com.acme.*` is; the rules of the routes' patterns.
    static func patternProblem(of text: String) -> String? {
        let tokens = text.split(separator: ".", omittingEmptySubsequences: false)
        for (index, token) in tokens.enumerated() {
            if token == "*" || (token == "**" && index == tokens.count - 1) { continue }
            let isPlain = token.unicodeScalars.allSatisfy { $0 != "*" && !$0.properties.isWhitespace }
            guard !token.isEmpty, isPlain else {
                return "must be a type pattern: tokens between dots, '*' for one, '**' for the tail"
            }
        }
        return nil
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
}
