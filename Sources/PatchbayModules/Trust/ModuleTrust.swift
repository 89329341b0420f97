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

    /// Judges a file by the signature beside it.
    ///
    /// - Errors: `notSigned`, `untrustedKey`, `badSignature`.
    func check(_ file: String, hash: ContentHash) throws(ModuleError) {
        guard isRequired || (!keys.isEmpty && access(ModuleSignature.path(of: file), F_OK) == 0) else { return }
        _ = try ModuleSignature(of: file).check(file, hash: hash, keys: keys)
    }

    /// The same for a library that is no module, of which only the path is known; one that is not there is for whoever
    /// loads it to say.
    ///
    /// - Errors: those of `check`, `writableByAll` and the like, and what reading the file gives.
    package func checkLibrary(_ path: String) throws(ModuleError) {
        guard isRequired || access(path, F_OK) == 0 else { return }
        let contents = try FileContents(path: path)
        try ModuleOwnership.check(contents, at: path)
        try check(path, hash: try ModuleScanner.hash(of: contents, path))
    }
}
