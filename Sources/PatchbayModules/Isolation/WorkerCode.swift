/// What a worker runs, and what messages call it.
struct WorkerCode: Sendable {
    /// As log lines and dead letters name it.
    let module: String
    let version: String
    /// The file that messages are about.
    let file: String
    /// What the worker loads; empty: the handler `function` that it has itself.
    let path: String
    /// Folders that it has to read for that, beside the system's libraries.
    let folders: [String]

    /// A module's file, of which a copy lies at `path`.
    init(_ file: ModuleFile, at path: String) {
        module = file.manifest.name
        version = file.manifest.version
        self.file = file.path
        self.path = path
        folders = [Folder.parent(of: path)]
    }

    /// A function of a library, which the dynamic linker finds, or of which a copy lies at a path.
    init(_ function: FunctionWorker.Function) {
        module = function.name
        version = ""
        file = function.library
        path = ""
        folders = [function.library, function.file].filter { $0.contains("/") }.map { Folder.parent(of: $0) }
    }

    /// Whether a frame is of what calls the module or the function, and no more its own.
    func isCaller(_ frame: String) -> Bool {
        frame.hasPrefix("patchbay-worker ") || (path.isEmpty && frame.hasPrefix("libffi.so"))
    }

    /// The file's name, as frames have it.
    var fileName: String { file.split(separator: "/").last.map(String.init) ?? file }
}
