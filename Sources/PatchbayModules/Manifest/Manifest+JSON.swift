import PatchbayEvents

extension Manifest {
    /// A manifest from the text of its note.
    package init(json text: [UInt8]) throws(ManifestError) {
        let value: Value
        do throws(CloudEventsError) {
            value = try JSONText.parse(text)
        } catch {
            throw ManifestError(problems: [.init(pointer: "", message: "must be a JSON object: \(error.message)")])
        }
        try self.init(value)
    }
}
