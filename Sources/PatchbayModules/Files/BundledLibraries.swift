import Glibc

/// Libraries that lie beside a module and are found through its `$ORIGIN` run path.
enum BundledLibraries {
    struct Library: Equatable {
        /// What the module asks for.
        let soname: String
        /// Where it lies.
        let path: String
        /// The same place, relative to the module's folder.
        let relativePath: String
    }

    private static let filesMax = 64

    /// Libraries of `image`, and of those libraries themselves, in the order in which the loader meets them.
    ///
    /// Shape: at most 64; only run paths below the module's own folder (`$ORIGIN`, `$ORIGIN/lib`) count.
    static func of(_ image: ELFImage, at path: String) -> [Library] {
        let folder = Folder.parent(of: path)
        var found: [Library] = []
        var waiting = [(needed: image.needed, runPaths: image.runPaths, base: "")]
        while let next = waiting.popLast() {
            let folders = next.runPaths.compactMap { relative($0, to: next.base) }
            for soname in next.needed where !soname.contains("/") && !found.contains(where: { $0.soname == soname }) {
                guard
                    let relativePath = folders.map({ $0.isEmpty ? soname : "\($0)/\(soname)" })
                        .first(where: { access("\(folder)/\($0)", R_OK) == 0 })
                else { continue }
                guard found.count < filesMax else { return found }
                let library = Library(soname: soname, path: "\(folder)/\(relativePath)", relativePath: relativePath)
                found.append(library)
                if let inner = examine(library.path) {
                    waiting.append((inner.needed, inner.runPaths, Folder.parent(of: relativePath, or: "")))
                }
            }
        }
        return found
    }

    /// `nil` for a file that cannot be read; the loader will say why.
    private static func examine(_ path: String) -> ELFImage? {
        do throws(ModuleError) {
            return ELFImage.ifReadable(try FileContents(path: path).bytes)
        } catch {
            return nil
        }
    }

    /// `$ORIGIN/lib` from `base` as `base/lib`; `nil` for a run path elsewhere.
    private static func relative(_ runPath: String, to base: String) -> String? {
        for prefix in ["$ORIGIN", "${ORIGIN}"] where runPath.hasPrefix(prefix) {
            let rest = runPath.dropFirst(prefix.count)
            guard rest.isEmpty || rest.first == "/" else { return nil }
            let parts = rest.split(separator: "/").filter { $0 != "." }
            guard !parts.contains("..") else { return nil }
            return ((base.isEmpty ? [] : [base]) + parts.map(String.init)).joined(separator: "/")
        }
        return nil
    }
}
