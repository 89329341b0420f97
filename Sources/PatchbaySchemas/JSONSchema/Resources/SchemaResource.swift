import PatchbayEvents

/// A place in one of the documents: a JSON pointer from the document's root.
struct SchemaPlace: Hashable, Sendable {
    let document: Int
    let pointer: String

    static func == (a: SchemaPlace, b: SchemaPlace) -> Bool {
        a.document == b.document && a.pointer.isIdenticalUTF8(to: b.pointer)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(document)
        hasher.combine(bytes: pointer)
    }

    func child(_ tokens: String...) -> SchemaPlace {
        SchemaPlace(document: document, pointer: tokens.reduce(pointer) { $0 + "/" + JSONPointer.escaped($1) })
    }
}

/// A schema with an identifier of its own, or a document's root.
struct SchemaResource: Sendable {
    let uri: URIReference
    let place: SchemaPlace
    let dialect: Dialect
    var anchors: [String: SchemaPlace] = [:]
    var dynamicAnchors: [String: SchemaPlace] = [:]

    /// How violations name a place of this resource.
    func location(of place: SchemaPlace) -> String {
        uri.withoutFragment.text + "#" + place.pointer.dropFirst(self.place.pointer.count)
    }
}
