import Glibc
import Synchronization

/// The libraries of C functions that lie at a path: each read once, judged, and copied to a folder of the host's own,
/// from which it is loaded. So what was judged is what runs, and every load of a path gives the same code.
///
/// [any thread]
package final class FunctionLibraries: Sendable {
    private struct State {
        /// From the first copy on.
        var staging: StagingDirectory?
        /// Where the copies lie, by what the configuration calls the library.
        var copies: [String: String] = [:]
    }

    /// Whose libraries may run.
    package let trust: ModuleTrust
    private let state = Mutex(State())

    package init(trust: ModuleTrust) { self.trust = trust }

    /// What the dynamic linker is to be asked for.
    ///
    /// - Returns: the copy of a library that is named by its path, there as long as this object; the name itself without
    ///   a slash, since those are the system's to find; the path itself where the process has that very file loaded,
    ///   since two copies of the C library do not get along.
    /// - Errors: what `ModuleTrust.contents` gives, for the libraries beside it as well; `staging`.
    package func path(of library: String) throws(ModuleError) -> String {
        guard library.contains("/") else { return library }
        return try state.withLock { state throws(ModuleError) in
            if let known = state.copies[library] { return known }
            let (contents, hash) = try trust.contents(of: library)
            if let handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD) {
                dlclose(handle)
                return library
            }
            let staging: StagingDirectory
            if let known = state.staging { staging = known } else { staging = try StagingDirectory() }
            state.staging = staging
            let name = library.split(separator: "/").last.map(String.init) ?? library
            let copy = try staging.stage(contents.bytes, hash: hash, name: name)
            let image = ELFImage.ifReadable(contents.bytes)
            for beside in image.map({ BundledLibraries.of($0, at: library) }) ?? [] {
                try staging.write(
                    trust.contents(of: beside.path).contents.bytes,
                    to: "\(Folder.parent(of: copy))/\(beside.relativePath)")
            }
            state.copies[library] = copy
            return copy
        }
    }

    /// The same words about the library where it lies for everyone else.
    package func naming(_ library: String, in message: String) -> String {
        guard let copy = state.withLock({ $0.copies[library] }) else { return message }
        return message.replacing(copy, with: library)
    }
}
