import PatchbayDispatch

/// The code in which an earlier run ended: the next one keeps it out of its own process.
struct CrashedCode: Sendable, Equatable {
    /// Names of module instances, of whose handlers one crashed.
    var instances: Set<String> = []
    /// Names of modules, as their manifests say, that crashed outside a handler: on a thread of their own, or as they were
    /// loaded or shut down. Which of its instances it was nobody knows.
    var modules: Set<String> = []
    /// Names of functions.
    var functions: Set<String> = []

    init() {}

    /// What crashes name, but for the host's own code and signals from outside.
    init(of records: some Sequence<CrashRecord>) {
        for record in records where record.sender == nil {
            guard let module = record.module, !module.isEmpty else { continue }
            let name = (record.handler ?? "").split(separator: ".", maxSplits: 1).map(String.init)
            if name.count == 2, name[0] == "functions" {
                functions.insert(name[1])
            } else if let instance = name.first {
                instances.insert(instance)
            } else {
                modules.insert(module)
            }
        }
    }
}
