/// All that is wrong with a manifest.
package struct ManifestError: Error, Sendable, Equatable {
    /// One fault and where it is.
    package struct Problem: Sendable, Equatable {
        /// JSON Pointer to the key; empty: the whole text.
        package let pointer: String
        /// What was found and what is accepted.
        package let message: String
    }

    /// At least one, in the order of the keys' description.
    package let problems: [Problem]

    /// All problems in one line.
    package var message: String {
        problems.map { $0.pointer.isEmpty ? $0.message : "\($0.pointer): \($0.message)" }.joined(separator: "; ")
    }
}
