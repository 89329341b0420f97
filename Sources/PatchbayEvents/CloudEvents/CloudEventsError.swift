package import CPatchbayJSON

/// Why text is not an event, or not the JSON it should be.
package struct CloudEventsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong; open-ended. None of these goes away by trying again, `outOfMemory` apart.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notJSON = Code(rawValue: "not-json")
        package static let notUTF8 = Code(rawValue: "not-utf8")
        package static let tooLarge = Code(rawValue: "too-large")
        package static let tooDeep = Code(rawValue: "too-deep")
        /// JSON, but no object (or, for a batch, no array).
        package static let wrongShape = Code(rawValue: "wrong-shape")
        package static let specversion = Code(rawValue: "specversion")
        package static let missing = Code(rawValue: "missing")
        package static let attribute = Code(rawValue: "attribute")
        package static let attributeName = Code(rawValue: "attribute-name")
        package static let duplicate = Code(rawValue: "duplicate")
        package static let base64 = Code(rawValue: "base64")
        package static let outOfMemory = Code(rawValue: "out-of-memory")
    }

    package var code: Code
    /// One line that names the attribute and the byte, without a full stop.
    package var message: String
    /// The attribute in question; `nil` when it is none.
    package var attribute: String?
    /// Bytes from the start of the text.
    package var offset: Int

    package init(code: Code, message: String, attribute: String? = nil, offset: Int = 0) {
        self.code = code
        self.message = message
        self.attribute = attribute
        self.offset = offset
    }

    package var description: String { message }

    /// The error of a refused record. `name` is the text of its `error_name`.
    package init(refused record: pbj_event, name: String) {
        let offset = Int(record.error_offset)
        let shown = "\"\(name.prefix(64))\""
        let place = "at byte \(offset)"
        self.init(code: .notJSON, message: "not JSON \(place)", attribute: name.isEmpty ? nil : name, offset: offset)
        switch pbj_error(rawValue: record.error) {
        case PBJ_E_UTF8: (code, message) = (.notUTF8, "not UTF-8 \(place)")
        case PBJ_E_TOO_LARGE where name.isEmpty: (code, message) = (.tooLarge, "longer than \(offset) bytes")
        case PBJ_E_TOO_LARGE: (code, message) = (.tooLarge, "too many extension attributes, from \(shown) on")
        case PBJ_E_TOO_DEEP: (code, message) = (.tooDeep, "nested too deep \(place)")
        case PBJ_E_NOT_OBJECT: (code, message) = (.wrongShape, "not a JSON object")
        case PBJ_E_SPECVERSION: (code, message) = (.specversion, "\"specversion\" is not \"1.0\"")
        case PBJ_E_MISSING:
            // What is not there is reported at the closing brace.
            let isAbsent = record.error_offset + 1 == record.line.length
            (code, message) = (.missing, "\(shown) is \(isAbsent ? "missing" : "empty")")
        case PBJ_E_ATTRIBUTE: (code, message) = (.attribute, "\(shown) is not \(Self.form(of: name)) \(place)")
        case PBJ_E_NAME:
            (code, message) = (.attributeName, "attribute name \(shown) has other characters than a-z and 0-9 \(place)")
        case PBJ_E_DUPLICATE where name == "data_base64":
            (code, message) = (.duplicate, "\"data_base64\" is given twice, or beside \"data\", \(place)")
        case PBJ_E_DUPLICATE: (code, message) = (.duplicate, "\(shown) is given twice, again \(place)")
        case PBJ_E_BASE64: (code, message) = (.base64, "\"data_base64\" is not base64 \(place)")
        case PBJ_E_ARENA: (code, message) = (.outOfMemory, "no memory left for what the text does not hold as it is")
        default: break
        }
    }

    /// What the value of an attribute has to be.
    private static func form(of name: String) -> String {
        switch name {
        case "id", "type", "subject", "specversion": "a string that is not empty"
        case "source": "a URI reference"
        case "time": "an RFC 3339 timestamp"
        case "datacontenttype": "a media type"
        case "dataschema": "an absolute URI"
        case "data": "a string, as a datacontenttype other than JSON asks,"
        case "data_base64": "a string"
        default: "a string, a boolean or a 32-bit integer"
        }
    }
}

extension BatchView {
    /// Why a refused record was refused.
    package func error(of record: pbj_event) -> CloudEventsError {
        CloudEventsError(refused: record, name: String(bytes(record.error_name)))
    }
}
