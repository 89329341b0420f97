/// A CloudEvents 1.0 event by value, for where events are few: sending, emitting, explaining, dead letters, tests.
///
/// The event path works on `pbj_event` records that point into the text they came in.
package struct Event: Sendable, Equatable {
    /// Unique with `source`. Empty only in drafts.
    package var id: String
    /// A URI reference.
    package var source: String
    package var type: String
    package var subject: String?
    /// RFC 3339.
    package var time: String?
    package var datacontenttype: String?
    package var dataschema: String?
    /// In the order given, names unique, values in canonical string form.
    package var extensions: [Extension]
    /// `nil` is no data, which is not the same as empty data.
    package var data: [UInt8]?
    /// Whether `data` is JSON text; otherwise it is bytes.
    package var dataIsJSON: Bool

    /// One extension attribute.
    package struct Extension: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        id: String, source: String, type: String, subject: String? = nil, time: String? = nil,
        datacontenttype: String? = nil, dataschema: String? = nil, extensions: [Extension] = [], data: [UInt8]? = nil,
        dataIsJSON: Bool = true
    ) {
        self.id = id
        self.source = source
        self.type = type
        self.subject = subject
        self.time = time
        self.datacontenttype = datacontenttype
        self.dataschema = dataschema
        self.extensions = extensions
        self.data = data
        self.dataIsJSON = dataIsJSON
    }

    /// The value of an extension attribute; `nil` when there is none of that name.
    package subscript(name: String) -> String? {
        extensions.first { $0.name == name }?.value
    }
}
