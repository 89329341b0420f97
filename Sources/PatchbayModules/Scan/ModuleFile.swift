/// A file that passed the scan: its manifest fits this host. None of its code has run.
package struct ModuleFile: Sendable, Equatable {
    /// As given, or the scanned folder's path and the file's name.
    package let path: String
    package let manifest: Manifest
    /// What is loaded later has this hash, or is refused.
    package let contentHash: ContentHash
    package let bytes: Int
    package let image: ELFImage
    /// Those that lie beside it and are loaded with it, in the order in which the loader meets them.
    package let libraries: [Library]
    /// Worth a line in the log; none stops the module.
    package let warnings: [ModuleWarning]

    /// A library that lies beside the module.
    package struct Library: Sendable, Equatable {
        /// What the module asks for.
        package let soname: String
        package let path: String
        /// The same place, relative to the module's folder.
        package let relativePath: String
        /// What is loaded later has this hash, or the module is refused.
        package let contentHash: ContentHash
    }
}

/// What became of one file.
package enum ModuleFinding: Sendable, Equatable {
    case accepted(ModuleFile)
    case rejected(ModuleError)

    package var path: String {
        switch self {
        case .accepted(let file): file.path
        case .rejected(let error): error.file
        }
    }

    package var accepted: ModuleFile? {
        guard case .accepted(let file) = self else { return nil }
        return file
    }

    package var rejection: ModuleError? {
        guard case .rejected(let error) = self else { return nil }
        return error
    }
}

/// What a folder holds.
package struct ModuleScan: Sendable, Equatable {
    /// One per file, sorted by path.
    package var findings: [ModuleFinding] = []
    /// About the folder itself.
    package var warnings: [ModuleWarning] = []

    package init() {}

    package var accepted: [ModuleFile] { findings.compactMap(\.accepted) }
    package var rejections: [ModuleError] { findings.compactMap(\.rejection) }
}
