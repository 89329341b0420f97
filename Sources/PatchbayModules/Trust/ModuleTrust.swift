import Glibc

/// Whose modules may run here.
package struct ModuleTrust: Sendable, Equatable {
    /// Whose signatures count.
    package let keys: [PublicKey]
    /// Whether a module needs one. Otherwise one without is let in, and one with a signature has to have the right one.
    package let isRequired: Bool

    /// Everyone's.
    package static let anyone = ModuleTrust(keys: [], isRequired: false)

    package init(keys: [PublicKey], isRequired: Bool) {
        self.keys = keys
        self.isRequired = isRequired
    }

    /// Judges where the linker looks for what a module or a library needs.
    ///
    /// - Errors: `worldWritable`; `notSigned` where keys are trusted and others than root may put libraries there.
    func checkPlaces(_ image: ELFImage, of file: String) throws(ModuleError) {
        try LibraryPlaces.check(image, of: file, onlyRoots: isRequired || !keys.isEmpty)
    }

    /// Judges a file by the signature beside it.
    ///
    /// - Errors: `notSigned`, `untrustedKey`, `badSignature`.
    func check(_ file: String, hash: ContentHash) throws(ModuleError) {
        guard isRequired || (!keys.isEmpty && access(ModuleSignature.path(of: file), F_OK) == 0) else { return }
        _ = try ModuleSignature(of: file).check(file, hash: hash, keys: keys)
    }

    /// Reads a library that is no module, and judges it.
    ///
    /// - Errors: those of `check` and `checkPlaces`, `worldWritable`, and what reading the file gives.
    func contents(of path: String) throws(ModuleError) -> (contents: FileContents, hash: ContentHash) {
        let contents = try FileContents(path: path)
        try ModuleOwnership.check(contents, at: path)
        let hash = try ModuleScanner.hash(of: contents, path)
        try check(path, hash: hash)
        // What cannot be read the linker refuses.
        if let image = ELFImage.ifReadable(contents.bytes) { try checkPlaces(image, of: path) }
        return (contents, hash)
    }
}
