/// A `format` that can decide whether a string has it.
struct StringFormat: Sendable {
    let name: String
    /// For messages: `an RFC 3339 date such as 2026-01-31`.
    let words: String
    let accepts: @Sendable (String) -> Bool

    /// `nil` for formats that never decide: unknown ones, and `idn-hostname`, whose tables the host does not carry.
    static func named(_ name: String, draft: Dialect.Draft) -> StringFormat? {
        if draft == .draft7, name == "duration" || name == "uuid" { return nil }
        return all[name]
    }

    private static let all: [String: StringFormat] = {
        let formats = [
            StringFormat(name: "date-time", words: "a date and time such as 2026-01-31T23:59:59Z") {
                DateTimeFormats.isDateTime($0)
            },
            StringFormat(name: "date", words: "a date such as 2026-01-31") { DateTimeFormats.isDate($0.utf8[...]) },
            StringFormat(name: "time", words: "a time with offset such as 23:59:59Z") {
                DateTimeFormats.isTime($0.utf8[...])
            },
            StringFormat(name: "duration", words: "an ISO 8601 duration such as P3DT12H") {
                DateTimeFormats.isDuration($0)
            },
            StringFormat(name: "email", words: "an e-mail address") { MailFormats.isAddress($0, allowsUnicode: false) },
            StringFormat(name: "idn-email", words: "an e-mail address") {
                MailFormats.isAddress($0, allowsUnicode: true)
            },
            StringFormat(name: "hostname", words: "a host name") { NetworkFormats.isHostName($0) },
            StringFormat(name: "ipv4", words: "an IPv4 address") { NetworkFormats.isIPv4($0.utf8[...]) },
            StringFormat(name: "ipv6", words: "an IPv6 address") { NetworkFormats.isIPv6($0.utf8[...]) },
            StringFormat(name: "uri", words: "a URI") { URIFormats.isURI($0, allowsUnicode: false) },
            StringFormat(name: "uri-reference", words: "a URI reference") {
                URIFormats.isReference($0, allowsUnicode: false)
            },
            StringFormat(name: "iri", words: "an IRI") { URIFormats.isURI($0, allowsUnicode: true) },
            StringFormat(name: "iri-reference", words: "an IRI reference") {
                URIFormats.isReference($0, allowsUnicode: true)
            },
            StringFormat(name: "uri-template", words: "a URI template") { URITemplateFormat.isTemplate($0) },
            StringFormat(name: "uuid", words: "a UUID") { TextFormats.isUUID($0) },
            StringFormat(name: "json-pointer", words: "a JSON pointer") { JSONPointer.tokens($0) != nil },
            StringFormat(name: "relative-json-pointer", words: "a relative JSON pointer") {
                TextFormats.isRelativeJSONPointer($0)
            },
            StringFormat(name: "regex", words: "a regular expression of ECMA-262") { SchemaPattern.isWellFormed($0) },
        ]
        return Dictionary(uniqueKeysWithValues: formats.map { ($0.name, $0) })
    }()
}
