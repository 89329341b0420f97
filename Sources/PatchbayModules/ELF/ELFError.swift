/// Why a file could not be read as a 64-bit little-endian ELF shared object.
package struct ELFError: Error, Sendable, Equatable {
    /// Open-ended; compare with the constants.
    package struct Code: Sendable, Hashable {
        package let rawValue: String

        /// The magic number is missing.
        package static let notELF = Code(rawValue: "notELF")
        /// ELF, but not 64-bit little-endian, or of an unknown version.
        package static let unsupportedClass = Code(rawValue: "unsupportedClass")
        /// An offset or a length points outside of the file, or a table contradicts itself.
        package static let malformed = Code(rawValue: "malformed")
        /// More of something than any real module has.
        package static let tooLarge = Code(rawValue: "tooLarge")
    }

    package let code: Code
    package let message: String
    /// Bytes from the start of the file; where reading stopped.
    package let offset: UInt64
}
